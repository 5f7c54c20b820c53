"""What a drill makes of what it finds: differences in words, RPO, and that the copy always goes.

The cluster is a dictionary here. Not proved: that the operator restores and that the query tells the truth.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, cast

import pytest

from cli.exits import CliError
from cli.memory import asking, backups, drill, fingerprint, gateway
from cli.memory.fingerprint import Fingerprint, differences
from cli.memory.place import Store
from components.kube_api import KubeApi
from components.memory import names
from components.settings.stack import validate

AT = dt.datetime(2027, 1, 31, 12, 0, 30, tzinfo=dt.UTC)
FOUND: dict[str, Any] = {
    "at": "2027-01-31T12:00:30.000000Z",
    "archived": "2027-01-31T12:00:00.000000Z",
    "tables": {"echo.memories": {"rows": 3, "hash": "17"}, "echo.spaces": {"rows": 1, "hash": "4"}},
    "samples": {"echo.memories.embedding": {"asked": 2, "hash": "ab"}},
}


class Cluster:
    """Objects by path, as the operator would have them a moment later."""

    def __init__(self, log: dict[str, Any]) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.deleted: list[str] = []
        self.made: list[dict[str, Any]] = []
        self.log = log
        self.ready = True

    def get(self, path: str) -> dict[str, Any] | None:
        if path.endswith("/log"):
            return self.log
        if path.endswith(f"/pods/{gateway.POD}"):
            return {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
        if path.endswith("/backups"):
            return {"items": [one for key, one in self.objects.items() if "/backups/" in key]}
        return self.objects.get(path)

    def text(self, path: str) -> str:
        assert gateway.POD in path
        return ""

    def create(self, path: str, body: dict[str, Any], *, manager: str) -> dict[str, Any]:
        assert manager
        name = body["metadata"]["name"]
        made = {**body, "metadata": {**body["metadata"], "creationTimestamp": "2027-01-31T12:00:00Z"}}
        kind = body["kind"]
        if kind == "Pod":
            made["status"] = {"phase": "Succeeded"}
        elif kind == "Backup":
            made["status"] = {"phase": "completed", "startedAt": "2027-01-31T12:00:31Z"}
        elif self.ready:
            made["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}
        self.objects[f"{path}/{name}"] = made
        self.made.append(made)
        return made

    def delete(self, path: str) -> None:
        self.deleted.append(path.rpartition("/")[2])
        self.objects.pop(path, None)


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(FOUND)


@pytest.fixture
def store(cluster: Cluster) -> Store:
    settings = validate({"namespace": "team", "memory": {"enabled": True, "backups": {"enabled": True}}})
    made = Store(settings, cast("KubeApi", cluster))
    cluster.objects[made.operated("clusters", "memory")] = {"metadata": {"name": "memory"}}
    return made


def changed(**tables: tuple[int, str]) -> Fingerprint:
    base = Fingerprint.of(FOUND)
    return Fingerprint(base.at, base.archived, {**base.tables, **{f"echo.{k}": v for k, v in tables.items()}}, {})


def asked(cluster: Cluster) -> list[list[str]]:
    """The statements of each pod."""
    pods = [one for one in cluster.made if one["kind"] == "Pod"]
    return [[said["value"] for said in one["spec"]["containers"][0]["env"]] for one in pods]


def test_equal_stores_do_not_differ() -> None:
    assert differences(Fingerprint.of(FOUND), Fingerprint.of(FOUND)) == []


def test_each_kind_of_difference_is_told() -> None:
    source = Fingerprint.of(FOUND)
    assert differences(source, changed(memories=(2, "17"))) == ["echo.memories: 3 rows in the source, 2 in the copy"]
    assert differences(source, changed(memories=(3, "18"))) == ["echo.memories: 3 rows in both, with other contents"]
    assert differences(source, changed(goals=(0, "0"))) == ["echo.goals: only in the copy"]
    other = Fingerprint(source.at, None, source.tables, {"echo.memories.embedding": (2, "cd")})
    assert differences(source, other) == ["echo.memories.embedding: the same question finds other memories"]


def test_a_drill_restores_to_the_moment_it_looked_and_takes_the_copy_away(store: Store, cluster: Cluster) -> None:
    backups.begin(store)
    said: list[str] = []
    result = drill.run(store, said.append)
    assert result.differences == []
    assert result.rpo_s == 30
    (copy,) = [one for one in cluster.made if one["kind"] == "Cluster"]
    assert copy["spec"]["bootstrap"]["recovery"]["recoveryTarget"] == {"targetTime": "2027-01-31 12:00:30.000000+00"}
    assert copy["spec"]["bootstrap"]["recovery"]["source"] == "memory"
    assert "backup" not in copy["spec"]
    # Beside the store it finds room on a laptop as well.
    assert copy["spec"]["resources"]["requests"]["cpu"] == "100m"
    assert copy["metadata"]["name"] in cluster.deleted
    # The source, the copy, and how it ended.
    assert len([name for name in cluster.deleted if "-look-" in name]) == 3
    looked, compared, kept = (len(one) for one in asked(cluster))
    # The mark is left in the store, where a recovery needs it, and not in the copy.
    assert (looked, compared, kept) == (2, 1, 1)
    assert re.fullmatch(r"SELECT echo\.drill_ended\(\d\.\d, 'good', 4, 30\.0, \d\.\d\)", asked(cluster)[-1][0])


def test_the_copy_goes_when_it_does_not_come_up(
    store: Store, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    backups.begin(store)
    cluster.ready = False
    monkeypatch.setattr(drill, "RESTORE_LIMIT_S", 0.0)
    with pytest.raises(CliError, match="answers: not within 0 s"):
        drill.run(store, lambda _: None)
    assert any("-drill-" in name for name in cluster.deleted)
    assert re.fullmatch(r"SELECT echo\.drill_ended\(\d\.\d, 'failed', NULL, NULL, NULL\)", asked(cluster)[-1][0])


def test_a_copy_that_differs_is_kept_as_that(store: Store, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    backups.begin(store)

    def differ(before: Fingerprint, after: Fingerprint) -> list[str]:
        assert before == after
        return ["echo.memories: 3 rows in the source, 2 in the copy"]

    monkeypatch.setattr(fingerprint, "differences", differ)
    assert drill.run(store, lambda _: None).differences
    assert "'differs', 4, 30.0" in asked(cluster)[-1][0]


def test_a_store_that_keeps_no_drills_is_told_of_and_the_result_stands(
    store: Store, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    backups.begin(store)

    def create(path: str, body: dict[str, Any], *, manager: str) -> dict[str, Any]:
        made = Cluster.create(cluster, path, body, manager=manager)
        if body["kind"] == "Pod" and "drill_ended" in body["spec"]["containers"][0]["env"][0]["value"]:
            message = "ERROR:  function echo.drill_ended does not exist"
            terminated = {"state": {"terminated": {"message": message}}}
            made["status"] = {"phase": "Failed", "containerStatuses": [terminated]}
        return made

    monkeypatch.setattr(cluster, "create", create)
    said: list[str] = []
    assert drill.run(store, said.append).differences == []
    assert any("does not keep how this drill ended" in line and "does not exist" in line for line in said)


def test_what_the_copy_waits_for_is_said_once(store: Store, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    backups.begin(store)
    cluster.ready = False
    said: list[str] = []
    looks = 0

    def get(path: str) -> dict[str, Any] | None:
        nonlocal looks
        copies = [one["metadata"]["name"] for one in cluster.made if "-drill-" in one["metadata"]["name"]]
        if not path.endswith("/pods") or not copies:
            return Cluster.get(cluster, path)
        looks += 1
        if looks == 3:
            cluster.objects[store.operated("clusters", copies[0])]["status"] = {
                "conditions": [{"type": "Ready", "status": "True"}]
            }
        unplaced = {"type": "PodScheduled", "status": "False", "message": "1 Insufficient memory."}
        others = {"metadata": {"labels": {"cnpg.io/cluster": "another"}}, "status": {"conditions": [unplaced]}}
        ours = {"metadata": {"labels": {"cnpg.io/cluster": copies[0]}}, "status": {"conditions": [unplaced]}}
        return {"items": [{"metadata": {}}, others, *([ours] if looks < 3 else [])]}

    monkeypatch.setattr(cluster, "get", get)
    monkeypatch.setattr("cli.memory.place._POLL_S", 0.0)
    assert drill.run(store, said.append).differences == []
    assert [line for line in said if "Insufficient" in line] == ["it cannot start yet: 1 Insufficient memory."]


def test_without_a_backup_there_is_nothing_to_restore(store: Store) -> None:
    with pytest.raises(CliError, match="no whole backup yet"):
        drill.run(store, lambda _: None)


def test_a_failed_backup_says_why(store: Store, cluster: Cluster) -> None:
    name = backups.begin(store)
    cluster.objects[store.operated("backups", name)]["status"] = {"phase": "failed", "error": "no room"}
    with pytest.raises(CliError, match="no room"):
        backups.wait(store, name)


def test_a_backup_that_the_operator_forgot_is_asked_for_again(
    store: Store, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backups, "BEGIN_LIMIT_S", -1.0)
    monkeypatch.setattr("cli.memory.place._POLL_S", 0.0)
    said: list[str] = []

    def create(path: str, body: dict[str, Any], *, manager: str) -> dict[str, Any]:
        made = Cluster.create(cluster, path, body, manager=manager)
        if len(cluster.made) < 3:
            made["status"] = {"phase": "started"}
        return made

    monkeypatch.setattr(cluster, "create", create)
    done = backups.make(store, said.append)
    assert done.whole
    assert [one["metadata"]["name"] for one in cluster.made] == [*cluster.deleted, done.name]
    assert len(cluster.deleted) == 2
    cluster.made.clear()
    monkeypatch.setattr(backups, "_TIMES", 1)
    with pytest.raises(backups.NeverBegunError, match="not begun within"):
        backups.make(store, said.append)


def test_what_is_no_answer_is_told(store: Store, cluster: Cluster) -> None:
    cluster.log = {"code": 400}
    with pytest.raises(CliError, match="could not be looked at"):
        fingerprint.take(store, "memory")


def test_the_pod_that_looks_is_a_client_and_verifies(store: Store) -> None:
    pod = asking.pod(store, "look", "memory", ["SELECT 1", "SELECT 2"])
    assert pod["metadata"]["labels"][names.CLIENT] == "true"
    container = pod["spec"]["containers"][0]
    assert [(one["name"], one["value"]) for one in container["env"]] == [
        ("QUERY_0", "SELECT 1"),
        ("QUERY_1", "SELECT 2"),
    ]
    script = container["command"][2]
    assert script.endswith('-c "$QUERY_0" -c "$QUERY_1"')
    assert "sslmode=verify-full" in script
    assert "host=memory-rw.team-memory.svc" in script
