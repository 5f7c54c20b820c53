"""The whole life of one model on some replicas, through the dynamic provider's own methods.

The API server, and the agents or Ollamas behind it, are stand-ins in this process (`fake_cluster`), so this proves our
decisions and our messages, not what a real server does with them.
"""

import copy
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime import rpc

from components import agent_client, replica_models
from components.ollama_model_provider import OllamaModelProvider
from components.replica_models import ModelOperationError
from ollama.document import Pull, WantedEntry, fingerprint
from tests.support.fake_cluster import FakeCluster, Replica, digest_of
from tests.unit.components.conftest import write_kubeconfig

SOURCE = "registry.ollama.ai/library/smollm2:135m"
GOOD = f"sha256:{digest_of(SOURCE)}"
OTHER = f"sha256:{digest_of('something else')}"

provider = OllamaModelProvider()

pytestmark = pytest.mark.usefixtures("cluster")


def entry(source: str = SOURCE, *, digest: str | None = None, name: str = "smollm2:135m") -> WantedEntry:
    return WantedEntry(name=name, pull=Pull(source=source), digest=digest)


ENTRY = entry()


def report(replica: str, *models: dict[str, Any], leaving: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"server": "chat", "replica": replica, "phase": "Ready", "models": list(models), "leaving": list(leaving)}


def model(phase: str = "Ready", wanted: WantedEntry = ENTRY, **more: Any) -> dict[str, Any]:
    ready = {"digest": GOOD, "sizeBytes": 1000} if phase == "Ready" else {}
    found = {"name": wanted.name, "fingerprint": fingerprint(wanted), "phase": phase, "attempts": 1}
    return {**found, "since": "2026-01-01T00:00:00Z", **ready, **more}


def failure(kind: str, message: str) -> dict[str, str]:
    return {"kind": kind, "message": message, "hint": "do something"}


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCluster]:
    monkeypatch.setattr(agent_client, "POLL_S", 0.02)
    with FakeCluster(replicas=3) as running:
        for name, pod in running.pods.items():
            pod.reports = [report(name, model())]
        path = write_kubeconfig(tmp_path / "kubeconfig", {"here": running.url}, "here")
        monkeypatch.setenv("KUBECONFIG", str(path))
        # A proxy that does not exist: requests to loopback must not go there.
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        yield running


def props(wanted: WantedEntry = ENTRY, **changes: Any) -> dict[str, Any]:
    """What OllamaModel hands to the provider, as checked."""
    found = {
        "name": wanted.name,
        "source": wanted.pull.source if wanted.pull is not None else "",
        "digest": wanted.digest,
        "entry": wanted.model_dump_json(by_alias=True),
        "fingerprint": fingerprint(wanted),
        "kind": "pods",
        "context": "here",
        "namespace": "models",
        "statefulSet": "chat",
        "port": 11436,
        "replicaCount": 3,
        "serverUid": "1",
        "readyS": 2,
        "__provider": "pickled",
        **changes,
    }
    found = {key: value for key, value in found.items() if value is not None}
    return provider.check({}, found).inputs


def create(wanted: WantedEntry = ENTRY, **changes: Any) -> dict[str, Any]:
    """Outputs of a created model, as the state keeps them."""
    outs = provider.create(props(wanted, **changes)).outs
    assert outs is not None
    return {**outs, "__provider": "pickled"}


def update(olds: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
    outs = provider.update("id", olds, news).outs
    assert outs is not None
    return outs


def test_create_waits_for_every_replica(cluster: FakeCluster) -> None:
    cluster.pods["chat-1"].reports = [
        report("chat-1"),
        report("chat-1", model("Pulling", completed=400, total=1000)),
        report("chat-1", model()),
    ]
    result = provider.create(props())
    assert result.id == "here/models/chat/smollm2:135m"
    assert result.outs is not None
    assert result.outs["replicas"] == {"chat-0": GOOD, "chat-1": GOOD, "chat-2": GOOD}
    # Old values of the next diff are these outputs, so an input that is missing here would always count as changed.
    assert {key: value for key, value in props().items() if key != "__provider"}.items() <= result.outs.items()


def test_agents_are_only_read(cluster: FakeCluster) -> None:
    create()
    assert {request.split()[0] for request in cluster.requests} == {"GET"}


def test_progress_is_shown_once(cluster: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
    for name, pod in cluster.pods.items():
        pod.reports = [report(name, model("Pulling", completed=400, total=1000)), report(name, model())]
    create()
    shown = capsys.readouterr().out
    for pod in cluster.pods:
        assert f"{pod}: smollm2:135m downloading 0.0 MB of 0.0 MB (40 %)" in shown
        assert f"{pod}: smollm2:135m ready" in shown
    create()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("phase", ["Failed", "Retrying"])
def test_failures_name_replica_model_and_cause(cluster: FakeCluster, phase: str) -> None:
    cause = failure("resource", "the disk is full")
    cluster.pods["chat-1"].reports = [
        report("chat-1", model("Pulling", attempts=0)),
        report("chat-1", model(phase, failure=cause, attempts=3)),
    ]
    with pytest.raises(ModelOperationError) as caught:
        provider.create(props())
    message = str(caught.value)
    assert "model `smollm2:135m` is not on every replica of `here/models/chat`:" in message
    assert "replica `chat-1`, model `smollm2:135m`: the disk is full (resource)" in message
    assert "replica `chat-0`" not in message
    assert "Done on chat-0, chat-2; the next `pulumi up` goes on from there." in message


def test_a_transient_failure_gets_some_tries_and_more_while_bytes_come(cluster: FakeCluster) -> None:
    cause = failure("transient", "no connection")
    cluster.pods["chat-1"].reports = [
        report("chat-1", model("Retrying", failure=cause, attempts=attempts, completed=completed))
        for attempts, completed in ((1, 100), (2, 100), (3, 200), (5, 200))
    ] + [report("chat-1", model(attempts=6))]
    assert create()["replicas"]["chat-1"] == GOOD


def test_what_failed_for_good_between_two_looks_ends_the_deploy(cluster: FakeCluster) -> None:
    cause = failure("configuration", "wrong digest")
    failed = model("Failed", failure=cause, attempts=1, completed=1000, total=1000)
    cluster.pods["chat-1"].reports = [report("chat-1", model("Pulling", attempts=0)), report("chat-1", failed)]
    with pytest.raises(ModelOperationError, match="wrong digest"):
        create()


def test_a_try_that_ended_badly_is_enough_once_nothing_moves(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_client, "STALLED_S", 0.2)
    cause = failure("transient", "no progress for 60 s")
    other = entry(name="other:1")
    moving = [
        report("chat-1", model("Retrying", failure=cause), model("Pulling", other, completed=done))
        for done in range(1, 15)
    ]
    cluster.pods["chat-1"].reports = [report("chat-1", model("Pulling", attempts=0)), *moving]
    with pytest.raises(ModelOperationError, match="no progress for 60 s"):
        create()
    assert len(cluster.pods["chat-1"].reports) == 1, "it gave up while another model was on its way"


def test_a_failure_from_before_the_deploy_gets_another_chance(cluster: FakeCluster) -> None:
    pod = cluster.pods["chat-1"]
    old = model("Failed", failure=failure("configuration", "no such model"), attempts=3)
    pod.reports = [report("chat-1", old), report("chat-1", old), report("chat-1", model(attempts=4))]
    create()
    assert pod.looks == 1


def test_a_failure_that_comes_again_ends_the_deploy(cluster: FakeCluster) -> None:
    cause = failure("configuration", "no such model")
    pod = cluster.pods["chat-1"]
    pod.reports = [
        report("chat-1", model("Failed", failure=cause, attempts=3)),
        report("chat-1", model("Failed", failure=cause, attempts=4)),
    ]
    with pytest.raises(ModelOperationError, match="no such model"):
        create()


def test_an_agent_that_has_not_seen_the_change_is_waited_for(cluster: FakeCluster) -> None:
    other = entry(digest=OTHER)
    cluster.pods["chat-0"].reports = [
        report("chat-0", model("Failed", other, failure=failure("configuration", "wrong digest"))),
        report("chat-0", model()),
    ]
    create()


def test_an_agent_that_never_sees_the_change(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_client, "UNSEEN_S", 0.2)
    cluster.pods["chat-0"].reports = [report("chat-0")]
    with pytest.raises(ModelOperationError, match=r"`chat-0`.*the agent saw no change within 0\.2 s"):
        create()


def test_whoever_ends_the_deploy_ends_the_waiting(
    cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECHORATOR_CANCEL_FILE", str(tmp_path / "cancel"))
    (tmp_path / "cancel").touch()
    assert create()["replicas"]["chat-0"] == GOOD
    cluster.pods["chat-0"].reports = [report("chat-0", model("Pulling"))]
    with pytest.raises(ModelOperationError, match=r"`chat-0`.*cancelled"):
        create()


def test_it_takes_too_long(cluster: FakeCluster) -> None:
    cluster.pods["chat-0"].reports = [report("chat-0", model("Pulling"))]
    with pytest.raises(ModelOperationError, match=r"not there within 0\.3 s, it is at phase Pulling"):
        create(deadlineS=0.3)


def test_a_pod_that_does_not_run(cluster: FakeCluster) -> None:
    cluster.pods["chat-2"] = Replica(ready=False)
    with pytest.raises(ModelOperationError, match=r"`chat-2`.*not running within 1 s: ImagePullBackOff no such image"):
        create(readyS=1)


def test_rights_are_named(cluster: FakeCluster) -> None:
    cluster.token = "another"
    with pytest.raises(ModelOperationError, match="the user needs `get` on pods"):
        provider.create(props())


def test_a_context_that_is_gone() -> None:
    with pytest.raises(ModelOperationError, match="there is no context `lost`"):
        provider.create(props(context="lost"))


def test_more_and_fewer_replicas_are_updates(cluster: FakeCluster) -> None:
    outs = create(replicaCount=1)
    news = props(replicaCount=3)
    diff = provider.diff("id", outs, news)
    assert (diff.changes, diff.replaces) == (True, [])
    outs = update(outs, news)
    assert set(outs["replicas"]) == {"chat-0", "chat-1", "chat-2"}
    del cluster.pods["chat-1"], cluster.pods["chat-2"]
    news = props(replicaCount=1)
    assert provider.diff("id", outs, news).changes is True
    assert update(outs, news)["replicas"] == {"chat-0": GOOD}


def test_the_writer_of_a_shared_volume_is_waited_for_too(cluster: FakeCluster) -> None:
    cluster.pods["chat-writer-0"] = Replica(reports=[report("chat-writer-0", model())])
    assert "chat-writer-0" in create(writer=True)["replicas"]


@pytest.mark.parametrize(
    ("key", "value"),
    [("name", "chat:1"), ("context", "there"), ("namespace", "other"), ("statefulSet", "other"), ("kind", "url")],
)
def test_another_server_or_name_is_a_replacement(key: str, value: str) -> None:
    diff = provider.diff("id", create(), {**props(), key: value})
    assert (diff.changes, diff.replaces) == (True, [key])


def test_the_same_name_spelt_otherwise_is_not_replaced() -> None:
    # A replacement would make the new one, which is there, and then delete the old one, which is the same.
    assert provider.diff("id", create(), {**props(), "name": "SmolLM2:135M"}).replaces == []


@pytest.mark.parametrize(("key", "value"), [("digest", OTHER), ("serverUid", "2"), ("fingerprint", "0123")])
def test_other_changes_are_updates(key: str, value: str) -> None:
    diff = provider.diff("id", create(), {**props(), key: value})
    assert (diff.changes, diff.replaces) == (True, [])


def test_how_it_is_reached_and_limits_are_no_change() -> None:
    diff = provider.diff("id", create(), props(reachMode="direct", deadlineS=10))
    assert diff.changes is False


def test_unknowns_in_a_preview() -> None:
    outs = create()
    for key in ("serverUid", "replicaCount"):
        diff = provider.diff("id", outs, {**props(), key: rpc.UNKNOWN})
        assert (diff.changes, diff.replaces) == (True, [])
    assert provider.diff("id", outs, {**props(), "namespace": rpc.UNKNOWN}).replaces == []
    unknown = provider.check({}, {**props(), "name": rpc.UNKNOWN, "replicaCount": rpc.UNKNOWN})
    assert unknown.failures == []


def test_refresh_sees_a_replica_that_lost_it_and_up_waits_for_it(cluster: FakeCluster) -> None:
    outs = create()
    cluster.pods["chat-1"].reports = [report("chat-1", model("Pulling"))]
    read = provider.read("id", copy.deepcopy(outs))
    assert read.id == "id"
    assert read.outs is not None
    assert read.inputs is not None
    assert read.outs["replicas"] == {"chat-0": GOOD, "chat-1": "missing", "chat-2": GOOD}
    assert (outs["phase"], read.outs["phase"]) == ("Ready", "ModelDeploying")
    assert read.inputs["expected"] == {"chat-0": "any digest", "chat-1": "missing", "chat-2": "any digest"}
    assert provider.diff("id", read.outs, props()).changes is True
    cluster.pods["chat-1"].reports = [report("chat-1", model())]
    mended = update(read.outs, props())
    assert mended["replicas"]["chat-1"] == GOOD
    assert mended["phase"] == "Ready"
    assert provider.diff("id", mended, props()).changes is False


def test_refresh_without_drift_changes_nothing() -> None:
    outs = create()
    read = provider.read("id", copy.deepcopy(outs))
    assert {**(read.outs or {}), "__provider": "pickled"} == outs
    assert {**(read.inputs or {}), "__provider": "pickled"} == props()


@pytest.mark.parametrize("loss", ["models", "pods", "set"])
def test_gone_everywhere_is_gone(cluster: FakeCluster, loss: str) -> None:
    outs = create()
    if loss == "models":
        for name, pod in cluster.pods.items():
            pod.reports = [report(name)]
    else:
        cluster.pods.clear()
        if loss == "set":
            cluster.stateful_sets.clear()
    read = provider.read("id", outs)
    assert (read.id, read.outs) == (None, {})


def test_delete_waits_until_it_left(cluster: FakeCluster) -> None:
    outs = create()
    for name, pod in cluster.pods.items():
        pod.reports = [report(name, leaving=("smollm2:135m",)), report(name)]
    del cluster.pods["chat-2"]
    provider.delete("id", outs)
    assert all(len(pod.reports) == 1 for pod in cluster.pods.values())
    cluster.stateful_sets.clear()
    provider.delete("id", outs)


def test_delete_of_what_is_wanted_again_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica_models, "LOOK_S", 0.1)
    provider.delete("id", create())


def test_delete_of_what_does_not_leave_fails(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica_models, "LOOK_S", 0.1)
    outs = create()
    for name, pod in cluster.pods.items():
        pod.reports = [report(name, leaving=("smollm2:135m",))]
    with pytest.raises(ModelOperationError, match=r"still there after 0\.1 s"):
        provider.delete("id", outs)


def far(cluster: FakeCluster, wanted: WantedEntry = ENTRY) -> dict[str, Any]:
    """The properties of a model on a server that runs elsewhere: here, the pod's own path."""
    url = f"{cluster.url}/api/v1/namespaces/models/pods/chat-0:11434/proxy"
    found = {key: value for key, value in props(wanted).items() if key not in _OF_PODS}
    return provider.check({}, {**found, "kind": "url", "url": url}).inputs


_OF_PODS = ("context", "namespace", "statefulSet", "port", "replicaCount", "serverUid", "expected")


@pytest.fixture
def elsewhere(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    monkeypatch.delenv("HTTP_PROXY")
    cluster.token = None
    return cluster


def test_a_server_elsewhere_keeps_what_it_had_before_us(elsewhere: FakeCluster) -> None:
    elsewhere.pods["chat-0"].models = {"smollm2:135m": "0" * 64}
    outs = provider.create(far(elsewhere)).outs
    assert outs is not None
    assert list(outs["replicas"].values()) == ["sha256:" + "0" * 64]
    provider.delete("id", outs)
    assert "smollm2:135m" in elsewhere.pods["chat-0"].models


def test_a_server_elsewhere_loses_what_we_brought(elsewhere: FakeCluster) -> None:
    outs = provider.create(far(elsewhere)).outs
    assert outs is not None
    assert elsewhere.pods["chat-0"].models == {"smollm2:135m": digest_of(SOURCE)}
    provider.delete("id", outs)
    assert elsewhere.pods["chat-0"].models == {}


def test_another_source_replaces_what_the_name_stands_for(elsewhere: FakeCluster) -> None:
    outs = provider.create(far(elsewhere)).outs
    assert outs is not None
    news = far(elsewhere, entry("registry.ollama.ai/library/other:1"))
    found = update(outs, news)["replicas"]
    assert set(found.values()) == {f"sha256:{digest_of('registry.ollama.ai/library/other:1')}"}


def test_a_wrong_digest_is_an_error_that_names_both(elsewhere: FakeCluster) -> None:
    with pytest.raises(ModelOperationError) as caught:
        provider.create(far(elsewhere, entry(digest=OTHER)))
    assert OTHER in str(caught.value)
    assert GOOD in str(caught.value)


@pytest.mark.parametrize("own", [True, False])
def test_a_server_elsewhere_is_remembered_by_refresh_and_update(elsewhere: FakeCluster, own: bool) -> None:
    elsewhere.pods["chat-0"].models = {"smollm2:135m": digest_of(SOURCE)} if own else {}
    outs = provider.create(far(elsewhere)).outs
    assert outs is not None
    refreshed = provider.read("id", outs).outs
    assert refreshed is not None
    outs = update(refreshed, far(elsewhere))
    provider.delete("id", outs)
    assert list(elsewhere.pods["chat-0"].models) == (["smollm2:135m"] if own else [])


def test_a_server_elsewhere_that_is_off(elsewhere: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica_models, "LOOK_S", 0.5)
    wanted = {**far(elsewhere), "url": "http://127.0.0.1:9"}
    with pytest.raises(ModelOperationError, match=r"could not be looked for on `http://127\.0\.0\.1:9`"):
        provider.read("id", wanted)


def test_check_tells_all_faults() -> None:
    news = {"kind": "pods", "name": "a b", "entry": "{}", "fingerprint": "1", "digest": "x", "context": "c"}
    failures = {one.property: one.reason for one in provider.check({}, news).failures}
    assert set(failures) == {"name", "digest", "namespace", "statefulSet", "port", "replicaCount"}
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
