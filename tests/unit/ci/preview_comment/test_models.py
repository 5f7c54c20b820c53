"""Which models a preview would pull, and how large they are where the state knows."""

from typing import Any

import pytest

from ci.preview_comment.models import human, pulls
from ci.preview_comment.preview import Action, Resource

TYPE = "pulumi-python:dynamic/echorator:OllamaModel"


def model(action: Action, before: dict[str, Any], after: dict[str, Any], **more: Any) -> Resource:
    return Resource(
        f"urn:pulumi:dev::echorator::x${TYPE}::chat-{after.get('name', 'm')}",
        TYPE,
        parent="urn:pulumi:dev::echorator::echorator:index:OllamaServer::chat",
        action=action,
        before=before,
        after=after,
        **more,
    )


WANTED: dict[str, Any] = {
    "name": "m:1b",
    "source": "registry.ollama.ai/library/m:1b",
    "digest": None,
    "replicaCount": 3.0,
}


def test_a_new_model_goes_to_every_replica() -> None:
    (one,) = pulls([model(Action.CREATE, {}, WANTED)])
    assert (one.server, one.name, one.replicas, one.each, one.total) == ("chat", "m:1b", 3, None, None)


def test_a_size_is_known_of_what_was_pulled_before() -> None:
    elsewhere = model(Action.SAME, WANTED, WANTED, outputs={"sizes": {"desk-0": 1000.0, "desk-1": 1000.0}})
    (one,) = pulls([elsewhere, model(Action.CREATE, {}, WANTED)])
    assert (one.each, one.total) == (1000, 3000)


def test_a_model_without_a_source_comes_by_its_name() -> None:
    (one,) = pulls([model(Action.CREATE, {}, {**WANTED, "source": None})])
    assert one.source == "m:1b"


@pytest.mark.parametrize(
    ("change", "replicas"),
    [
        ({"digest": "sha256:" + "a" * 64}, 3),
        ({"source": "hf.co/x/y"}, 3),
        ({"replicaCount": 5.0}, 2),
        ({"replicaCount": "04da6b54-80e4-46f7-96ec-b56ff0331ba9"}, None),
    ],
)
def test_an_update_that_pulls(change: dict[str, Any], replicas: int | None) -> None:
    (one,) = pulls([model(Action.UPDATE, WANTED, {**WANTED, **change})])
    assert one.replicas == replicas


@pytest.mark.parametrize("change", [{"replicaCount": 1.0}, {"serverUid": "x"}, {}])
def test_an_update_that_pulls_nothing(change: dict[str, Any]) -> None:
    assert pulls([model(Action.UPDATE, WANTED, {**WANTED, **change})]) == []


@pytest.mark.parametrize("action", [Action.SAME, Action.DELETE])
def test_what_is_there_or_goes_is_not_pulled(action: Action) -> None:
    assert pulls([model(action, WANTED, WANTED)]) == []


def test_a_server_outside_the_cluster_is_one_replica() -> None:
    (one,) = pulls([model(Action.CREATE, {}, {"name": "m", "url": "http://127.0.0.1:1"})])
    assert one.replicas == 1


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (None, "unknown"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_999, "1.0 MB"),
        (98_400_000, "98.4 MB"),
        (10**18, "1000.0 PB"),
    ],
)
def test_sizes(size: int | None, text: str) -> None:
    assert human(size) == text
