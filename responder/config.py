"""The config file: JSON, read once at start."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from replica_agent.config import ApiConfig
from replica_agent.fields import AbsolutePath

__all__ = ["ACTS", "ActName", "ConfigError", "ResponderConfig", "load"]

ActName = Literal["restart-stuck-pull", "cordon-replica", "scale-up"]
ACTS: tuple[ActName, ...] = ("restart-stuck-pull", "cordon-replica", "scale-up")


class ConfigError(Exception):
    """The file cannot be used; says why."""


class ResponderConfig(BaseModel):
    """Everything the responder is told.

    Attributes:
        listen: address and port.
        namespace: where the servers run; alerts about others are refused.
        dry_run: say what would be done, and do nothing.
        allow: acts that may be taken.
        max_replicas: `scale-up` goes no further.
        pause_s: the same act on the same thing is taken once in so many seconds.
        url: of the API server; None takes the pod's own cluster.
        account: folder with the service account's token.
        tls_folder: has `tls.crt` and `tls.key`, read again when they change; None: plain HTTP.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, strict=True)

    listen: str = "0.0.0.0:8080"
    namespace: str
    dry_run: bool = True
    allow: Annotated[tuple[ActName, ...], Field(strict=False)] = ()
    max_replicas: int = Field(default=10, ge=1)
    pause_s: float = Field(default=600, ge=0, alias="pauseS")
    url: str | None = None
    account: Annotated[Path, Field(strict=False)] = Path("/var/run/secrets/kubernetes.io/serviceaccount")
    tls_folder: AbsolutePath | None = None

    def api(self) -> ApiConfig:
        """As the client of the API server wants it; the names of a list are of no use here."""
        return ApiConfig.model_validate({"configMap": "none", "key": "none", "url": self.url, "account": self.account})


def load(path: Path) -> ResponderConfig:
    """Read the file.

    Raises:
        ConfigError: it cannot be read, or has faults.
    """
    try:
        return ResponderConfig.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise ConfigError(f"{path}: {error}") from error
