"""What the agents are told to bring, what they mount for it, and what the store is told to keep.

Not proved: that an agent can do it.
"""

from typing import Any

import pytest

from components.settings import stack as settings
from components.settings.server import ServerSettings
from components.wanted_models import Kept, claims, store_wanted, wanted
from ollama.document import Message, Pull, Recipe, WantedDocument, WantedEntry, dump
from tests.support.settings_cases import DIGEST, server

STORE = "team-models"


def checked(*models: dict[str, Any], **changes: Any) -> ServerSettings:
    """A server with these models, as the settings hand it over."""
    raw = {"modelStore": {"upstreams": [{"host": "registry.ollama.ai"}, {"host": "hf.co"}, {"host": "r.io:5000"}]}}
    return settings.validate({**raw, "servers": [server(models=list(models), **changes)]}).servers[0]


def adopted(*models: dict[str, Any]) -> ServerSettings:
    raw = {"servers": [{"name": "far", "url": "http://h:1", "models": list(models)}]}
    return settings.validate(raw).servers[0]


def only(found: WantedDocument) -> WantedEntry:
    (entry,) = found.models
    return entry


@pytest.mark.parametrize(
    ("model", "name", "source"),
    [
        ({"name": "smollm2:135m"}, "smollm2:135m", "registry-ollama-ai/library/smollm2:135m"),
        ({"name": "registry.ollama.ai/library/a"}, "a:latest", "registry-ollama-ai/library/a:latest"),
        ({"name": "chat", "source": "team/b:v1"}, "chat:latest", "registry-ollama-ai/team/b:v1"),
        ({"name": "hf.co/x/Y-GGUF:Q4_K_M"}, "hf.co/x/Y-GGUF:Q4_K_M", "hf-co/x/Y-GGUF:Q4_K_M"),
        ({"name": "mine", "source": "r.io:5000/team/b"}, "mine:latest", "r-io-5000/team/b:latest"),
    ],
)
def test_pulled_through_the_store(model: dict[str, Any], name: str, source: str) -> None:
    service, slash, path = source.partition("/")
    through = f"{service}.{STORE}.svc.cluster.local:5000{slash}{path}"
    assert only(wanted(checked(model), store_namespace=STORE)) == WantedEntry(
        name=name, pull=Pull(source=through, insecure=True)
    )


@pytest.mark.parametrize(
    ("source", "full", "insecure"),
    [
        ("b:v1", "registry.ollama.ai/library/b:v1", False),
        ("127.0.0.1:5000/library/b", "127.0.0.1:5000/library/b:latest", True),
        ("localhost:5000/library/b", "localhost:5000/library/b:latest", True),
        ("r.io/library/b", "r.io/library/b:latest", False),
    ],
)
def test_pulled_past_the_store(source: str, full: str, insecure: bool) -> None:
    found = only(wanted(adopted({"name": "a", "source": source}), store_namespace=None))
    assert found.pull == Pull(source=full, insecure=insecure)


def test_what_is_done_with_a_model() -> None:
    model = {
        "name": "library/a",
        "digest": DIGEST,
        "aliases": ["gpt", "registry.ollama.ai/team/x:v1"],
        "preload": True,
        "keepAlive": "24h",
        "retain": True,
    }
    found = only(wanted(checked(model), store_namespace=STORE))
    assert (found.name, found.digest, found.aliases) == ("a:latest", DIGEST, ("gpt:latest", "team/x:v1"))
    assert (found.preload, found.keep_alive, found.retain) == (True, "24h", True)


def test_made_from_a_base() -> None:
    made = {
        "from": "registry.ollama.ai/library/base:latest",
        "adapter": {"claim": "tuning", "path": "./v1/lora.gguf"},
        "system": "Be brief.",
        "template": "{{ .Prompt }}",
        "parameters": {"temperature": 0.2, "num_ctx": 8192, "stop": ["</s>"], "use_mmap": False},
        "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}],
        "license": "MIT",
        "quantize": "q8_0",
    }
    document = wanted(checked({"name": "brief", "create": made}, {"name": "base"}), store_namespace=STORE)
    entry = document.models[0]
    assert entry.pull is None
    assert entry.create == Recipe(
        from_model="base:latest",
        adapter="/sources/tuning/v1/lora.gguf",
        system="Be brief.",
        template="{{ .Prompt }}",
        parameters={"temperature": 0.2, "num_ctx": 8192, "stop": ("</s>",), "use_mmap": False},
        messages=(Message(role="user", content="Hi"), Message(role="assistant", content="Hello")),
        license="MIT",
        quantize="q8_0",
    )
    # An equal number would not do: Ollama refuses 0 where it wants a truth.
    assert entry.create is not None
    assert entry.create.parameters["use_mmap"] is False
    assert WantedDocument.model_validate_json(dump(document)) == document


def test_a_base_by_its_alias_is_named_as_itself() -> None:
    """The alias may be made later than what is made from it."""
    models = [{"name": "a", "create": {"from": "Short"}}, {"name": "base:v1", "aliases": ["short"]}]
    found = wanted(checked(*models), store_namespace=STORE).models[0].create
    assert found is not None
    assert found.from_model == "base:v1"


@pytest.mark.parametrize(
    ("path", "seen"),
    [(None, "/sources/w"), (".", "/sources/w"), ("a/b.gguf", "/sources/w/a/b.gguf"), ("a//./b/", "/sources/w/a/b")],
)
def test_made_from_files(path: str | None, seen: str) -> None:
    files = {"claim": "w"} if path is None else {"claim": "w", "path": path}
    found = only(wanted(checked({"name": "a", "create": {"files": files}}), store_namespace=STORE)).create
    assert found == Recipe(files=seen)


def test_each_claim_once() -> None:
    models = [
        {"name": "a", "create": {"files": {"claim": "weights", "path": "a"}, "adapter": {"claim": "tuning"}}},
        {"name": "b", "create": {"files": {"claim": "weights", "path": "b"}}},
        {"name": "c", "create": {"from": "a"}},
        {"name": "d"},
    ]
    assert claims(checked(*models)) == ["tuning", "weights"]
    assert claims(checked({"name": "d"})) == []


def test_what_the_store_keeps() -> None:
    chat = checked(
        {"name": "a", "digest": DIGEST},
        {"name": "mine", "source": "r.io:5000/team/b:v1"},
        {"name": "hf.co/x/Y-GGUF:Q4"},
        {"name": "made", "create": {"from": "a"}},
    )
    other = checked({"name": "library/a:latest", "digest": DIGEST}, {"name": "b", "source": "a"})
    assert store_wanted([chat, other, adopted({"name": "z"})]) == [
        Kept("hf.co", "x/Y-GGUF", "Q4"),
        Kept("r.io:5000", "team/b", "v1"),
        # Once by digest, and once for whatever the tag is now.
        Kept("registry.ollama.ai", "library/a", "latest"),
        Kept("registry.ollama.ai", "library/a", "latest", DIGEST),
    ]
    assert store_wanted([]) == []
