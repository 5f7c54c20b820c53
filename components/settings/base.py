"""What every section of the stack configuration has in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Section(BaseModel):
    """One map of the configuration: camel-case keys, no unknown ones, no silent conversion."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel)


Texts = Annotated[tuple[str, ...], Field(strict=False)]
"""A list of texts; JSON has lists where we keep tuples."""
