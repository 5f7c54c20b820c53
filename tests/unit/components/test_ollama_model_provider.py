"""The whole life of one model on some replicas, through the dynamic provider's own methods.

The API server and the Ollamas behind it are stand-ins in this process (`fake_cluster`), so this proves our decisions
and our messages, not what a real server does with them.
"""

import copy
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime import rpc

from components import replica_models
from components.ollama_model_provider import OllamaModelProvider
from components.replica_models import ModelOperationError
from tests.support.fake_cluster import FakeCluster, Replica, digest_of
from tests.unit.components.conftest import write_kubeconfig

STORE = "registry-ollama-ai.models.svc.cluster.local:5000/library/smollm2:135m"
SOURCE = "registry.ollama.ai/library/smollm2:135m"
GOOD = f"sha256:{digest_of(STORE)}"
OTHER = f"sha256:{digest_of('something else')}"

provider = OllamaModelProvider()

pytestmark = pytest.mark.usefixtures("cluster")


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCluster]:
    with FakeCluster(replicas=3) as running:
        path = write_kubeconfig(tmp_path / "kubeconfig", {"here": running.url}, "here")
        monkeypatch.setenv("KUBECONFIG", str(path))
        # A proxy that does not exist: requests to loopback must not go there.
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        yield running


def props(**changes: Any) -> dict[str, Any]:
    """What OllamaModel hands to the provider, as checked."""
    found = {
        "name": "smollm2:135m",
        "source": SOURCE,
        "pullFrom": STORE,
        "insecure": True,
        "kind": "pods",
        "context": "here",
        "namespace": "models",
        "statefulSet": "chat",
        "port": 11434,
        "replicaCount": 3,
        "serverUid": "1",
        "readyS": 2,
        "__provider": "pickled",
        **changes,
    }
    found = {key: value for key, value in found.items() if value is not None}
    return provider.check({}, found).inputs


def create(**changes: Any) -> dict[str, Any]:
    """Outputs of a created model, as the state keeps them."""
    outs = provider.create(props(**changes)).outs
    assert outs is not None
    return {**outs, "__provider": "pickled"}


def models(cluster: FakeCluster) -> list[dict[str, str]]:
    return [pod.models for pod in cluster.pods.values()]


def update(olds: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
    outs = provider.update("id", olds, news).outs
    assert outs is not None
    return outs


def test_create_brings_the_model_to_every_replica(cluster: FakeCluster) -> None:
    result = provider.create(props())
    assert result.id == "here/models/chat/smollm2:135m"
    assert result.outs is not None
    assert result.outs["replicas"] == {"chat-0": GOOD, "chat-1": GOOD, "chat-2": GOOD}
    assert models(cluster) == [{"smollm2:135m": digest_of(STORE)}] * 3
    # Old values of the next diff are these outputs, so an input that is missing here would always count as changed.
    assert {key: value for key, value in props().items() if key != "__provider"}.items() <= result.outs.items()


def test_the_second_deploy_changes_and_pulls_nothing(cluster: FakeCluster) -> None:
    outs = create()
    assert provider.diff("id", outs, props()).changes is False
    create()
    assert [len(pod.pulls) for pod in cluster.pods.values()] == [1, 1, 1]


def test_progress_is_shown_once(cluster: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    create()
    shown = capsys.readouterr().out
    for pod in cluster.pods:
        assert f"{pod}: smollm2:135m ready" in shown
    create()
    assert capsys.readouterr().out == ""


def test_failures_name_replica_model_and_cause(cluster: FakeCluster) -> None:
    cluster.pods["chat-1"].refuses = "pull model manifest: file does not exist"
    with pytest.raises(ModelOperationError) as caught:
        provider.create(props())
    message = str(caught.value)
    assert "model `smollm2:135m` is not on every replica of `here/models/chat`:" in message
    assert "replica `chat-1`, model `smollm2:135m`" in message
    assert "replica `chat-0`" not in message
    assert "Done on chat-0, chat-2; the next `pulumi up` goes on from there." in message
    cluster.pods["chat-1"].refuses = None
    create()
    assert [len(pod.pulls) for pod in cluster.pods.values()] == [1, 2, 1]


def test_a_wrong_digest_is_an_error_that_names_both() -> None:
    with pytest.raises(ModelOperationError) as caught:
        provider.create(props(digest=OTHER))
    assert OTHER in str(caught.value)
    assert GOOD in str(caught.value)


def test_a_pod_that_does_not_get_ready(cluster: FakeCluster) -> None:
    cluster.pods["chat-2"].ready = False
    with pytest.raises(ModelOperationError, match="`chat-2`: not Ready within 2 s: ImagePullBackOff no such image"):
        provider.create(props())


def test_rights_are_named(cluster: FakeCluster) -> None:
    cluster.token = "another"
    with pytest.raises(ModelOperationError, match="the user needs `get` on pods"):
        provider.create(props())


def test_a_context_that_is_gone() -> None:
    with pytest.raises(ModelOperationError, match="there is no context `lost`"):
        provider.create(props(context="lost"))


def test_more_replicas_are_an_update(cluster: FakeCluster) -> None:
    outs = create(replicaCount=1)
    news = props(replicaCount=3)
    diff = provider.diff("id", outs, news)
    assert (diff.changes, diff.replaces) == (True, [])
    assert set(update(outs, news)["replicas"]) == {"chat-0", "chat-1", "chat-2"}
    assert [len(pod.pulls) for pod in cluster.pods.values()] == [1, 1, 1]


def test_fewer_replicas_are_an_update_that_pulls_nothing(cluster: FakeCluster) -> None:
    outs = create()
    del cluster.pods["chat-1"], cluster.pods["chat-2"]
    news = props(replicaCount=1)
    assert provider.diff("id", outs, news).changes is True
    assert update(outs, news)["replicas"] == {"chat-0": GOOD}


@pytest.mark.parametrize(
    ("key", "value"),
    [("name", "chat:1"), ("context", "there"), ("namespace", "other"), ("statefulSet", "other"), ("kind", "url")],
)
def test_another_server_or_name_is_a_replacement(key: str, value: str) -> None:
    diff = provider.diff("id", create(), {**props(), key: value})
    assert (diff.changes, diff.replaces) == (True, [key])


def test_the_same_name_spelt_otherwise_is_not_replaced() -> None:
    # A replacement would make the new one, which is there, and then delete the old one, which is the same.
    assert provider.diff("id", create(), props(name="SmolLM2:135M")).replaces == []


@pytest.mark.parametrize(("key", "value"), [("digest", OTHER), ("serverUid", "2"), ("source", "hf.co/a/b:c")])
def test_other_changes_are_updates(key: str, value: str) -> None:
    diff = provider.diff("id", create(), props(**{key: value}))
    assert (diff.changes, diff.replaces) == (True, [])


def test_where_it_is_pulled_from_and_limits_are_no_change() -> None:
    diff = provider.diff("id", create(), props(pullFrom=SOURCE, insecure=False, deadlineS=10))
    assert diff.changes is False


def test_unknowns_in_a_preview() -> None:
    outs = create()
    for key in ("serverUid", "replicaCount"):
        diff = provider.diff("id", outs, {**props(), key: rpc.UNKNOWN})
        assert (diff.changes, diff.replaces) == (True, [])
    assert provider.diff("id", outs, {**props(), "namespace": rpc.UNKNOWN}).replaces == []
    unknown = provider.check({}, {**props(), "name": rpc.UNKNOWN, "replicaCount": rpc.UNKNOWN})
    assert unknown.failures == []


def test_another_source_replaces_what_the_name_stands_for() -> None:
    outs = create()
    news = props(source="registry.ollama.ai/library/other:1", pullFrom="store:5000/library/other:1")
    found = update(outs, news)["replicas"]
    assert set(found.values()) == {f"sha256:{digest_of('store:5000/library/other:1')}"}


def test_a_moved_tag_is_fetched_for_its_digest(cluster: FakeCluster) -> None:
    outs = create()
    cluster.digests[STORE] = digest_of("something else")
    assert set(update(outs, props(digest=OTHER))["replicas"].values()) == {OTHER}


def test_refresh_sees_a_replica_that_lost_it_and_up_mends_it(cluster: FakeCluster) -> None:
    outs = create()
    cluster.pods["chat-1"].models.clear()
    read = provider.read("id", copy.deepcopy(outs))
    assert read.id == "id"
    assert read.outs is not None
    assert read.inputs is not None
    assert read.outs["replicas"] == {"chat-0": GOOD, "chat-1": "missing", "chat-2": GOOD}
    assert read.inputs["expected"] == {"chat-0": "any digest", "chat-1": "missing", "chat-2": "any digest"}
    assert provider.diff("id", read.outs, props()).changes is True
    mended = update(read.outs, props())
    assert mended["replicas"]["chat-1"] == GOOD
    assert provider.diff("id", mended, props()).changes is False
    assert [len(pod.pulls) for pod in cluster.pods.values()] == [1, 2, 1]


def test_refresh_sees_a_digest_that_strayed(cluster: FakeCluster) -> None:
    outs = create(digest=GOOD)
    cluster.pods["chat-0"].models["smollm2:135m"] = digest_of("something else")
    read = provider.read("id", outs)
    assert read.inputs is not None
    assert read.inputs["expected"] == {"chat-0": OTHER, "chat-1": GOOD, "chat-2": GOOD}
    assert read.outs is not None
    assert provider.diff("id", read.outs, props(digest=GOOD)).changes is True


def test_refresh_without_drift_changes_nothing() -> None:
    outs = create()
    read = provider.read("id", copy.deepcopy(outs))
    assert {**(read.outs or {}), "__provider": "pickled"} == outs
    assert {**(read.inputs or {}), "__provider": "pickled"} == props()


@pytest.mark.parametrize("loss", ["models", "pods", "set"])
def test_gone_everywhere_is_gone(cluster: FakeCluster, loss: str) -> None:
    outs = create()
    if loss == "models":
        for pod in cluster.pods.values():
            pod.models.clear()
    else:
        cluster.pods.clear()
        if loss == "set":
            cluster.stateful_sets.clear()
    read = provider.read("id", outs)
    assert (read.id, read.outs) == (None, {})


def test_delete(cluster: FakeCluster) -> None:
    outs = create()
    for pod in cluster.pods.values():
        pod.models["other:1"] = digest_of("other")
    del cluster.pods["chat-2"]
    provider.delete("id", outs)
    assert models(cluster) == [{"other:1": digest_of("other")}] * 2
    provider.delete("id", outs)
    cluster.stateful_sets.clear()
    cluster.pods["chat-0"] = Replica(ready=False)
    provider.delete("id", outs)


def far(cluster: FakeCluster) -> dict[str, Any]:
    """The properties of a model on a server that runs elsewhere: here, the pod's own path."""
    url = f"{cluster.url}/api/v1/namespaces/models/pods/chat-0:11434/proxy"
    wanted = {"kind": "url", "url": url, "name": "smollm2:135m", "source": SOURCE, "pullFrom": SOURCE}
    return provider.check({}, {**wanted, "__provider": "pickled"}).inputs


def test_a_server_elsewhere_keeps_what_it_had_before_us(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HTTP_PROXY")
    cluster.token = None
    cluster.pods["chat-0"].models = {"smollm2:135m": "0" * 64}
    outs = provider.create(far(cluster)).outs
    assert outs is not None
    assert list(outs["replicas"].values()) == ["sha256:" + "0" * 64]
    provider.delete("id", outs)
    assert "smollm2:135m" in cluster.pods["chat-0"].models


def test_a_server_elsewhere_loses_what_we_brought(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HTTP_PROXY")
    cluster.token = None
    outs = provider.create(far(cluster)).outs
    assert outs is not None
    assert cluster.pods["chat-0"].models == {"smollm2:135m": digest_of(SOURCE)}
    provider.delete("id", outs)
    assert cluster.pods["chat-0"].models == {}


@pytest.mark.parametrize("own", [True, False])
def test_a_server_elsewhere_is_remembered_by_refresh_and_update(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    monkeypatch.delenv("HTTP_PROXY")
    cluster.token = None
    cluster.pods["chat-0"].models = {"smollm2:135m": digest_of(SOURCE)} if own else {}
    outs = provider.create(far(cluster)).outs
    assert outs is not None
    refreshed = provider.read("id", outs).outs
    assert refreshed is not None
    outs = update(refreshed, far(cluster))
    provider.delete("id", outs)
    assert list(cluster.pods["chat-0"].models) == (["smollm2:135m"] if own else [])


def test_a_server_elsewhere_that_is_off(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica_models, "LOOK_S", 0.5)
    wanted = {**far(cluster), "url": "http://127.0.0.1:9"}
    with pytest.raises(ModelOperationError, match=r"could not be looked for on `http://127\.0\.0\.1:9`"):
        provider.read("id", wanted)


def test_check_tells_all_faults() -> None:
    news = {"kind": "pods", "name": "a b", "source": "@", "pullFrom": SOURCE, "digest": "x", "context": "c"}
    failures = {one.property: one.reason for one in provider.check({}, news).failures}
    assert set(failures) == {"name", "source", "digest", "namespace", "statefulSet", "port", "replicaCount"}
    assert failures["port"] == "is required where `kind` is `pods`"
    (kind,) = provider.check({}, {"kind": "x"}).failures
    assert kind.reason == "must be `pods` or `url`, not `x`"


def test_the_pickle_holds_a_reference_and_nothing_else() -> None:
    assert vars(provider) == {}
    assert len(pickle.dumps(provider)) < 100
    assert OllamaModelProvider.serialize_as_secret_always is False
    assert (OllamaModelProvider.__module__, OllamaModelProvider.__qualname__) == (
        "components.ollama_model_provider",
        "OllamaModelProvider",
    )
