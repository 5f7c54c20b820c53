"""Backups in a bucket: what lies there, an outage of it, keys that it does not take, and the loss of all but it.

The bucket is an S3 server in the same cluster that no stack knows of (tests/support/bucket.py). What is lost are the
stack's namespaces with all volumes, what it has outside of them, the operator's definitions where no other stack has a
database, and the stack's record; the cluster itself stays. Not proved: a cloud's S3, and its own ways of saying no.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from cli.exits import Exit
from components.memory import names
from tests.faults.table import Table
from tests.memory_store.conftest import settings
from tests.memory_store.remembering import HELD, remember
from tests.support.bucket import BUCKET, Bucket
from tests.support.cli_stack import CliStack
from tests.support.kube import Kube, wait_for
from tests.support.memory_client import MemoryClient, memory_client
from tests.support.memory_service import memory_service
from tests.support.stack import Engine, made_stacks

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

AWAY_S = float(os.environ.get("ECHORATOR_BUCKET_AWAY_S", "180"))
LIMIT_S = 900.0
ENCRYPTED = "RCLONE"
"""How each file begins that rclone has encrypted."""
GATEWAY = "memory-backups-0"
ARCHIVED = "SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver"
NOW_AT = "SELECT pg_walfile_name(pg_current_wal_insert_lsn())"
PLAIN = ("memory", "wals", "base", "data", "backup", ".gz", ".tar", "0000")


@pytest.fixture(scope="module")
def bucket(kube: Kube, run_name: str) -> Iterator[Bucket]:
    with Bucket(kube, f"{run_name}-s3") as made:
        yield made


@pytest.fixture(scope="module")
def cli(
    engine: Engine, kube: Kube, run_name: str, bucket: Bucket, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CliStack]:
    with made_stacks(CliStack, engine, run_name, tmp_path_factory) as make:
        stack = make("out")
        stack.configure(settings(backups={"enabled": True, "bucket": bucket.settings()}))
        with bucket.keys_given(names.namespace(stack.name)):
            stack.up()
        yield stack
        # Else its database waits two minutes for a gateway that went before it.
        _lose_namespace(kube, names.namespace(stack.name))


@pytest.fixture
def reader(cli: CliStack, kube: Kube, engine: Engine) -> Iterator[MemoryClient]:
    with memory_client(kube, engine.kubeconfig, names.namespace(cli.name)) as made:
        yield made


def test_what_lies_in_the_bucket_says_nothing(cli: CliStack, bucket: Bucket, kube: Kube, engine: Engine) -> None:
    with memory_service(kube, engine.kubeconfig, cli.namespace) as service:
        assert remember(service, 0, 600).new == 600
    done = cli.run("backup", "--json", limit_s=LIMIT_S)
    assert done.code == Exit.DONE, done.stderr
    assert done.document["backup"]["phase"] == "completed"
    found = bucket.files()
    # At least what the backup consists of, and one segment of the log.
    assert len(found) > 3, found
    assert all(path.startswith("team/echo/") for path in found), found
    assert set(found.values()) == {ENCRYPTED}
    for path in found:
        inside = path.removeprefix("team/echo/")
        assert not [word for word in PLAIN if word in inside], path


def test_the_bucket_is_away_for_some_minutes(
    cli: CliStack, bucket: Bucket, reader: MemoryClient, kube: Kube, table: Table
) -> None:
    """`make drill` has it before the loss, whose restore must bring what was written meanwhile."""
    turn = table.turn(f"The bucket away for {AWAY_S:.0f} s under writes")
    restarts = _restarts(kube, reader.namespace)
    written = 600
    with memory_service(kube, reader.kubeconfig, cli.namespace) as service:
        turn.fault()
        with bucket.away():
            first = reader.sql(NOW_AT, who="reader")
            until = time.monotonic() + AWAY_S
            while time.monotonic() < until or reader.sql(NOW_AT, who="reader") == first:
                assert time.monotonic() < until + 600, "no segment was finished"
                assert remember(service, written, written + 50).new == 50
                written += 50
            assert reader.sql(ARCHIVED, who="reader") < first
        last = reader.sql(NOW_AT, who="reader")
        wait_for("what was written meanwhile is archived", lambda: reader.sql(ARCHIVED, who="reader") >= last, 600)
        turn.over()
    assert _restarts(kube, reader.namespace) == restarts
    # The restore after the loss brings them back.
    turn.saw(f"{written - 600} memories meanwhile, all in the archive after it")
    turn.right()


def test_a_bucket_that_says_no_is_told(cli: CliStack, bucket: Bucket, kube: Kube) -> None:
    space = names.namespace(cli.name)
    with bucket.other_keys():
        # The gateway still runs, with the keys that held until now.
        refused = cli.run("backup", limit_s=LIMIT_S)
        assert refused.code == Exit.FAILED
        assert "SignatureDoesNotMatch" in refused.stderr, refused.stderr
        _begin_again(kube, space)
        refused = cli.run("backup", limit_s=LIMIT_S)
        assert refused.code == Exit.FAILED
        assert f"the gateway of backups ended: the bucket {BUCKET}/team/echo at https://s3." in refused.stderr
        assert "SignatureDoesNotMatch" in refused.stderr
    with bucket.missing():
        _begin_again(kube, space)
        refused = cli.run("backup", limit_s=LIMIT_S)
        assert "there is none of this name" in refused.stderr
    _begin_again(kube, space)
    kube.wait_ready(space, GATEWAY, limit_s=240)
    done = cli.run("backup", limit_s=LIMIT_S)
    assert done.code == Exit.DONE, done.stderr


def test_all_is_lost_but_the_bucket_and_the_exported_state(
    cli: CliStack, bucket: Bucket, kube: Kube, engine: Engine, table: Table
) -> None:
    turn = table.turn("All of the stack lost but the bucket and the exported state")
    space = names.namespace(cli.name)
    with (
        memory_client(kube, engine.kubeconfig, space) as client,
        memory_service(kube, engine.kubeconfig, cli.namespace) as service,
    ):
        remember(service, 0, 700)
        before = client.sql(HELD, who="reader")
        last = client.sql(NOW_AT, who="reader")
        wait_for("all is in the archive", lambda: client.sql(ARCHIVED, who="reader") >= last, 300)
    exported = cli.state()
    turn.fault()
    for lost in (space, cli.namespace):
        _lose_namespace(kube, lost)
    _lose_what_is_everywhere(kube, cli.name)
    cli.lose_state()
    cli.bring_state(exported)
    cli.refresh()
    with bucket.keys_given(space):
        done = cli.run("restore", "--source", "memory", "--yes", "--json", limit_s=LIMIT_S)
    assert done.code == Exit.DONE, done.stderr
    assert done.document["name"] == "memory-2"
    turn.over()
    with memory_client(kube, engine.kubeconfig, space, store="memory-2") as client:
        assert client.sql(HELD, who="reader") == before
    with memory_service(kube, engine.kubeconfig, cli.namespace) as service:
        assert remember(service, 0, 700).new == 0
    done = cli.run("backup", limit_s=LIMIT_S)
    assert done.code == Exit.DONE, done.stderr
    assert set(cli.up().changes) == {"same"}
    turn.saw(f"{before.split('|')[0]} memories, the same hash; a service goes on, and the new store has a backup")
    turn.right()


def _restarts(kube: Kube, namespace: str) -> int:
    found = kube.pod(namespace, GATEWAY)
    assert found is not None
    return int(found["status"]["containerStatuses"][0]["restartCount"])


def _begin_again(kube: Kube, namespace: str) -> None:
    """A new pod: the old one's Secret may be stale, and its restarts are further and further apart."""
    old = kube.pod(namespace, GATEWAY)
    assert old is not None
    kube.delete(f"/api/v1/namespaces/{namespace}/pods/{GATEWAY}", grace_s=1)

    def other() -> bool:
        found = kube.pod(namespace, GATEWAY)
        return found is not None and found["metadata"]["uid"] != old["metadata"]["uid"]

    wait_for("another gateway begins", other, 240)


def _lose_namespace(kube: Kube, namespace: str) -> None:
    """With no time for anybody in it to end well."""
    kube.delete(f"/api/v1/namespaces/{namespace}")

    def gone() -> bool:
        pods = f"/api/v1/namespaces/{namespace}/pods"
        for one in kube.items(pods):
            kube.delete(f"{pods}/{one['metadata']['name']}", grace_s=0)
        return kube.get(f"/api/v1/namespaces/{namespace}") is None

    wait_for(f"the namespace {namespace} is gone", gone, 400)


def _lose_what_is_everywhere(kube: Kube, prefix: str) -> None:
    everything = list(kube.everything())
    if not any(path.endswith("postgresql.cnpg.io/v1/clusters") for path, _ in everything):
        # With these go the databases of all stacks.
        for path, found in everything:
            if path.endswith("/customresourcedefinitions") and found["metadata"]["name"].endswith(".cnpg.io"):
                kube.delete(f"{path}/{found['metadata']['name']}")
    for path, found in everything:
        metadata = found["metadata"]
        if "namespace" not in metadata and metadata["name"].startswith(prefix) and "/namespaces" not in path:
            # The bucket's own volume bears the name of a claim, not of a stack.
            kube.delete(f"{path}/{metadata['name']}")
