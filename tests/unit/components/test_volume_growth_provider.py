"""Volumes grow, keep what is on them, and get there from wherever an earlier run was cut off.

The API server is a fake that lets go of volumes and takes names as the real one does. Not proved: that pods stay up
meanwhile, and that the real controllers act so; `tests/integration/test_volume_growth.py` does.
"""

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import pytest
from pulumi.runtime import rpc

from components import kube_context
from components.kube_api import KubeApi, KubeApiError, KubeUnreachableError, Object
from components.volume_growth_objects import GrowthError
from components.volume_growth_provider import VolumeGrowthProvider
from components.volume_growth_steps import Growth, Wanted
from tests.support.fake_volumes import MAPS, SETS, FakeVolumes
from tests.unit.components.conftest import write_kubeconfig

PROPS: dict[str, Any] = {
    "context": "here",
    "namespace": "models",
    "statefulSet": "chat",
    "claim": "data",
    "storage": "4Gi",
    "storageClass": None,
    "accessMode": "ReadWriteOnce",
    "serverUid": "1",
}

provider = VolumeGrowthProvider()


@pytest.fixture
def cluster(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVolumes]:
    # The fake lets go at once; looking again every 0.2 s would be most of the time of these tests.
    monkeypatch.setattr("components.volume_growth_steps._POLL_S", 0.01)
    with FakeVolumes() as running:
        monkeypatch.setenv("KUBECONFIG", str(write_kubeconfig(tmp_path / "config", {"here": running.url}, "here")))
        yield running


def grow(cluster: FakeVolumes, storage: str, **changes: Any) -> dict[str, str]:
    del cluster
    outs = provider.update("id", PROPS, {**PROPS, "storage": storage, **changes}).outs
    assert outs is not None
    return outs["volumes"]


def test_claims_and_template_grow(cluster: FakeVolumes) -> None:
    before = copy.deepcopy(cluster.chat)
    assert grow(cluster, "8Gi") == {"data-chat-0": "8Gi", "data-chat-1": "8Gi"}
    assert cluster.claim_storage() == {"data-chat-0": "8Gi", "data-chat-1": "8Gi"}
    assert cluster.template_storage() == "8Gi"
    after = copy.deepcopy(cluster.chat)
    assert len(cluster.uids) == 2
    for one in (before, after):
        del one["spec"]["volumeClaimTemplates"], one["metadata"]["uid"], one["metadata"]["managedFields"]
        for key in ("status", "apiVersion", "kind"):
            one.pop(key, None)
    assert after == before


def test_fields_belong_to_pulumi_again(cluster: FakeVolumes) -> None:
    """Else its next change of one of them is a conflict."""
    grow(cluster, "8Gi")
    owners = cluster.chat["metadata"]["managedFields"]
    assert [one["manager"] for one in owners] == ["pulumi-kubernetes-1a2b"]


def test_nothing_is_left_behind(cluster: FakeVolumes) -> None:
    grow(cluster, "8Gi")
    assert not [path for path in cluster.objects if path.startswith(MAPS)]


def test_volumes_have_no_owner_when_the_set_goes(cluster: FakeVolumes, monkeypatch: pytest.MonkeyPatch) -> None:
    owners: list[object] = []
    real = cluster.delete

    def watched(path: str, found: Object, body: Object) -> tuple[int, Object]:
        if path == f"{SETS}/chat":
            owners.extend(one["metadata"].get("ownerReferences") for one in cluster.objects.values())
        return real(path, found, body)

    monkeypatch.setattr(cluster, "delete", watched)
    grow(cluster, "8Gi")
    assert [one for one in owners if one] == []
    assert len(owners) >= 2


def test_the_second_time_nothing_happens(cluster: FakeVolumes) -> None:
    grow(cluster, "8Gi")
    cluster.requests.clear()
    grow(cluster, "8Gi")
    assert {request.split()[0] for request in cluster.requests} == {"GET"}


def test_a_claim_that_was_grown_by_hand_stays(cluster: FakeVolumes) -> None:
    cluster.make_claim(1, "20Gi")
    assert grow(cluster, "8Gi") == {"data-chat-0": "8Gi", "data-chat-1": "20Gi"}


def test_other_claims_are_not_touched(cluster: FakeVolumes) -> None:
    other = copy.deepcopy(cluster.objects["/api/v1/namespaces/models/persistentvolumeclaims/data-chat-0"])
    for name in ("data-chat-0-x", "data-chat-extra-0", "other-chat-0"):
        path = f"/api/v1/namespaces/models/persistentvolumeclaims/{name}"
        cluster.objects[path] = {**copy.deepcopy(other), "metadata": {"name": name}}
    grow(cluster, "8Gi")
    assert {size for name, size in cluster.claim_storage().items() if name[10:] not in ("0", "1")} == {"4Gi"}


def test_a_class_that_cannot_is_told_before_anything_changes(cluster: FakeVolumes) -> None:
    cluster.make_claim(1, "4Gi", storage_class="fixed")
    before = copy.deepcopy(cluster.objects)
    with pytest.raises(GrowthError, match=r"nothing was changed:\n  - storage class `fixed` does not let volumes grow"):
        grow(cluster, "8Gi")
    assert cluster.objects == before


def test_a_claim_without_a_volume_is_told_before_anything_changes(cluster: FakeVolumes) -> None:
    cluster.make_claim(1, "4Gi", phase="Pending")
    before = copy.deepcopy(cluster.objects)
    with pytest.raises(GrowthError, match="`data-chat-1` has no volume yet"):
        grow(cluster, "8Gi")
    assert cluster.objects == before


def test_what_the_api_server_would_refuse_is_asked_first(cluster: FakeVolumes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a quota, which only the API server knows."""
    real = cluster.resize

    def refuses(found: Object, after: Object) -> tuple[int, Object] | None:
        if found["metadata"]["name"] == "data-chat-1":
            return 403, {"message": "exceeded quota"}
        return real(found, after)

    monkeypatch.setattr(cluster, "resize", refuses)
    before = copy.deepcopy(cluster.objects)
    with pytest.raises(GrowthError, match=r"`data-chat-1`: .* exceeded quota"):
        grow(cluster, "8Gi")
    assert cluster.objects == before


def test_without_a_resizer_it_says_so_and_goes_on(cluster: FakeVolumes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.volume_growth_steps.RESIZE_S", 0.3)
    cluster.resizes = False
    with KubeApi(kube_context.load("here")) as api:
        wanted = Wanted(namespace="models", stateful_set="chat", claim="data", storage="8Gi")
        volumes = Growth(api, wanted, resize_s=0.3).run().volumes
    assert volumes["data-chat-0"] == "4Gi of 8Gi: nothing in the cluster resizes it"
    assert cluster.template_storage() == "8Gi"


class _KilledError(Exception):
    pass


class _Mortal(KubeApi):
    """Dies before, or after, the request whose turn it is."""

    def __init__(self, *, lives: int, after: bool) -> None:
        super().__init__(kube_context.load("here"))
        self.lives = lives
        self._after = after

    def _send(self, method: str, path: str, **options: Any) -> Object | None:
        last = method != "GET" and self._spend() == 0
        if last and not self._after:
            raise _KilledError
        answer = super()._send(method, path, **options)
        if last:
            raise _KilledError
        return answer

    def _spend(self) -> int:
        self.lives -= 1
        return self.lives


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("lives", range(1, 12))
def test_cut_off_anywhere(cluster: FakeVolumes, lives: int, after: bool) -> None:
    before = copy.deepcopy(cluster.chat["spec"])
    wanted = Wanted(namespace="models", stateful_set="chat", claim="data", storage="8Gi")
    with _Mortal(lives=lives, after=after) as api:
        try:
            Growth(api, wanted).run()
        except _KilledError:
            pass
        else:
            assert lives > 10, "fewer writes than thought: some cut was never tried"
    assert len(cluster.claim_storage()) == 2, "a volume was lost"
    grow(cluster, "8Gi")
    assert cluster.claim_storage() == {"data-chat-0": "8Gi", "data-chat-1": "8Gi"}
    assert cluster.template_storage() == "8Gi"
    before["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"] = "8Gi"
    del before["volumeClaimTemplates"][0]["status"]
    assert cluster.chat["spec"] == before
    assert [one["manager"] for one in cluster.chat["metadata"]["managedFields"]] == ["pulumi-kubernetes-1a2b"]
    assert not [path for path in cluster.objects if path.startswith(MAPS)]


@pytest.mark.parametrize("lives", range(1, 12))
def test_cut_off_and_set_back(cluster: FakeVolumes, lives: int) -> None:
    """The policy that keeps volumes is not left on: they would outlive the server."""
    wanted = Wanted(namespace="models", stateful_set="chat", claim="data", storage="8Gi")
    with _Mortal(lives=lives, after=True) as api, contextlib.suppress(_KilledError):
        Growth(api, wanted).run()
    if f"{SETS}/chat" in cluster.objects and cluster.template_storage() == "4Gi":
        grow(cluster, "4Gi")
        policy = cluster.chat["spec"]["persistentVolumeClaimRetentionPolicy"]
        assert policy == {"whenDeleted": "Delete", "whenScaled": "Delete"}


def test_destroy_mends_a_set_that_was_cut_off(cluster: FakeVolumes) -> None:
    wanted = Wanted(namespace="models", stateful_set="chat", claim="data", storage="8Gi")
    lives = 7  # two claims tried, two grown, the copy, the policy, and then the delete
    with _Mortal(lives=lives, after=True) as api, pytest.raises(_KilledError):
        Growth(api, wanted).run()
    assert f"{SETS}/chat" not in cluster.objects
    provider.delete("id", PROPS)
    assert cluster.chat["spec"]["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] == "Delete"


def test_destroy_of_a_whole_server_changes_nothing(cluster: FakeVolumes) -> None:
    cluster.requests.clear()
    provider.delete("id", PROPS)
    assert {request.split()[0] for request in cluster.requests} == {"GET"}


def test_destroy_passes_where_the_cluster_is_gone(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_kubeconfig(tmp_path / "config", {"here": "http://127.0.0.1:9"}, "here")
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.setattr("components.volume_growth_provider._DELETE_RETRY_S", 0.1)
    provider.delete("id", PROPS)
    assert "does not answer" in capsys.readouterr().out


def test_a_set_that_is_gone_is_an_error_that_says_what_to_do(cluster: FakeVolumes) -> None:
    del cluster.objects[f"{SETS}/chat"]
    with pytest.raises(GrowthError, match="pulumi up --refresh"):
        grow(cluster, "8Gi")


def test_an_api_server_that_restarts_is_waited_for(cluster: FakeVolumes) -> None:
    cluster.broken = 2
    assert grow(cluster, "8Gi") == {"data-chat-0": "8Gi", "data-chat-1": "8Gi"}


def test_requests_that_are_refused_say_which(cluster: FakeVolumes) -> None:
    with KubeApi(kube_context.load("here")) as api, pytest.raises(KubeApiError, match=r"422 to PATCH .*data-chat-0"):
        api.patch(
            "/api/v1/namespaces/models/persistentvolumeclaims/data-chat-0",
            {"spec": {"resources": {"requests": {"storage": "1Gi"}}}},
            manager="x",
        )
    cluster.broken = 1000
    with (
        KubeApi(kube_context.load("here"), retry_s=0.1) as api,
        pytest.raises(KubeUnreachableError, match=r"503 .* etcd leader changed"),
    ):
        api.get(SETS)


def test_smaller_is_refused_at_the_preview() -> None:
    result = provider.check(PROPS, {**PROPS, "storage": "2Gi"})
    assert [one.property for one in result.failures] == ["storage"]
    assert "have 4Gi, and volumes cannot shrink to 2Gi" in result.failures[0].reason


@pytest.mark.usefixtures("cluster")
def test_smaller_is_refused_also_on_a_server_from_before() -> None:
    with pytest.raises(GrowthError, match="have 4Gi, and volumes cannot shrink to 2Gi"):
        provider.create({**PROPS, "storage": "2Gi"})


@pytest.mark.usefixtures("cluster")
def test_another_class_is_refused() -> None:
    (failure,) = provider.check(PROPS, {**PROPS, "storageClass": "slow"}).failures
    assert "storage class `the default one`, and volumes cannot change it to `slow`" in failure.reason
    with pytest.raises(GrowthError, match="storage class `fast`"):
        provider.create({**PROPS, "storageClass": "slow"})


def test_checks_of_a_new_one() -> None:
    assert provider.check({}, PROPS).failures == []
    assert provider.check({}, {**PROPS, "storage": rpc.UNKNOWN}).failures == []
    assert provider.check({}, {**PROPS, "storage": "20 GB"}).failures[0].reason.startswith("`20 GB` must be")
    elsewhere = {**PROPS, "namespace": "other", "storage": "1Gi"}
    assert provider.check(PROPS, elsewhere).failures == []


@pytest.mark.parametrize(
    ("changes", "changed", "replaces"),
    [
        ({}, False, []),
        ({"storage": "4096Mi"}, False, []),
        ({"storage": "8Gi"}, True, []),
        ({"serverUid": "2"}, False, []),
        ({"serverUid": "3"}, True, []),
        ({"serverUid": rpc.UNKNOWN}, True, []),
        ({"namespace": "other"}, True, ["namespace"]),
    ],
)
def test_diff(changes: dict[str, Any], changed: bool, replaces: list[str]) -> None:
    result = provider.diff("id", {**PROPS, "uid": "2", "volumes": {}}, {**PROPS, **changes})
    assert (result.changes, result.replaces) == (changed, replaces)


def test_a_refresh_shows_what_is_smaller(cluster: FakeVolumes) -> None:
    outs = provider.create({**PROPS, "__provider": "pickled"}).outs
    assert outs is not None
    assert outs["uid"] == cluster.uids[-1]
    kept = provider.read("id", outs)
    assert (kept.id, kept.inputs) == ("id", PROPS)
    cluster.make_claim(1, "3Gi")
    seen = provider.read("id", outs)
    assert seen.inputs is not None
    assert seen.inputs["storage"] == "3Gi"
    assert provider.diff("id", seen.outs or {}, PROPS).changes


def test_a_refresh_finds_a_set_that_is_gone(cluster: FakeVolumes) -> None:
    del cluster.objects[f"{SETS}/chat"]
    assert provider.read("id", PROPS).id is None
