"""What holds for every test: the user's own kubeconfig and stacks never reach one by accident."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

_FOREIGN = ("KUBECONFIG", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")


@pytest.fixture(autouse=True, scope="session")
def own_environment() -> Iterator[None]:
    """Take away what would lead to the user's own cluster or stacks; a test that wants one names it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in _FOREIGN:
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(autouse=True, scope="session")
def one_tls_context() -> Iterator[None]:
    """Read the CAs once: httpx reads them for each client, 33 ms of processor time, and tests make thousands."""
    make = httpx.create_ssl_context
    shared = make()

    def create(verify: bool | str | ssl.SSLContext = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:
        named = trust_env and (os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR"))
        return shared if verify is True and cert is None and not named else make(verify, cert, trust_env)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("httpx._transports.default.create_ssl_context", create)
        yield
