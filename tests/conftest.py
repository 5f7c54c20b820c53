"""What holds for every test: the user's own kubeconfig and stacks never reach one by accident."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

_FOREIGN = ("KUBECONFIG", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")


@pytest.fixture(autouse=True, scope="session")
def own_environment() -> Iterator[None]:
    """Take away what would lead to the user's own cluster or stacks; a test that wants one names it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in _FOREIGN:
            patch.delenv(name, raising=False)
        yield
