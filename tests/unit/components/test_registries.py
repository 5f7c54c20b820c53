"""Each registry gets a service name that DNS allows, and a reference that leads to it.

Not proved: that the store serves what such a reference asks for.
"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.registries import alias_of, is_loopback, through_store
from ollama import ModelName

HOSTS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?(\.[a-z0-9]{1,10}){0,3}(:[0-9]{1,5})?", fullmatch=True)


def test_through_store() -> None:
    name = ModelName.parse("hf.co/bartowski/Llama-3:Q4_K_M")
    assert through_store(name, "echorator-models") == (
        "hf-co.echorator-models.svc.cluster.local:5000/bartowski/Llama-3:Q4_K_M"
    )


@given(HOSTS)
def test_alias_is_a_dns_label(host: str) -> None:
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", alias_of(host))


@given(HOSTS)
def test_a_name_through_the_store_is_a_legal_name(host: str) -> None:
    source = ModelName(host, "library", "smollm2", "135m")
    found = ModelName.parse(through_store(source, "echorator-models"))
    assert (found.namespace, found.model, found.tag) == ("library", "smollm2", "135m")
    assert found.host == f"{alias_of(host)}.echorator-models.svc.cluster.local:5000"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:5000", "127.1.2.3:80", "localhost", "localhost:5000"])
def test_a_registry_on_loopback_is_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["registry.ollama.ai", "128.0.0.1:5000", "127.0.0.1.example.com", "localhost.example"])
def test_a_registry_elsewhere_is_not_on_loopback(host: str) -> None:
    assert not is_loopback(host)
