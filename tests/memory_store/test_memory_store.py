"""The memory store on the real cluster: the operator, PostgreSQL with pgvector, Redis, TLS, roles, rotation.

Not proved here: what a lost primary, a full disk or a lost archive cost, which test_faults.py looks at; and several
instances, whose pods would all stand on the one node.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from components import memory_names as names
from tests.support.kube import Kube, wait_for
from tests.support.memory_client import MemoryClient, memory_client
from tests.support.stack import Engine, LiveStack

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(480)]

SMALL = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}}


def settings(**memory: Any) -> dict[str, Any]:
    return {
        "environment": "dev",
        "modelStore": {"enabled": False},
        "memory": {"enabled": True, "storage": "1Gi", "resources": SMALL, "redis": {"memory": "32Mi"}, **memory},
        "servers": [],
    }


@pytest.fixture(scope="module")
def stack(make_stack: Callable[[str], LiveStack]) -> LiveStack:
    made = make_stack("mem")
    made.configure(settings())
    made.up()
    return made


@pytest.fixture(scope="module")
def client(stack: LiveStack, kube: Kube, engine: Engine) -> Iterator[MemoryClient]:
    with memory_client(kube, engine.kubeconfig, names.namespace(stack.name)) as made:
        yield made


def test_the_database_has_vectors_and_takes_tls_alone(client: MemoryClient) -> None:
    assert client.sql("SELECT extname FROM pg_extension ORDER BY 1").split() == [
        "btree_gin", "pg_trgm", "plpgsql", "unaccent", "vector",
    ]  # fmt: skip
    assert client.sql("SELECT '[1,2,3]'::vector <-> '[1,2,4]'::vector") == "1"
    assert client.sql("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == "TLSv1.3"
    refused = client.try_sql("SELECT 1", options="sslmode=disable")
    assert refused.returncode != 0
    assert "pg_hba.conf rejects" in refused.stderr


def test_services_read_and_write_and_change_no_schema(client: MemoryClient) -> None:
    made = f"CREATE TABLE t (n int); GRANT SELECT, INSERT ON t TO {names.GROUP}; INSERT INTO t VALUES (1)"  # noqa: S608
    client.sql(made, who="owner")
    client.sql("INSERT INTO t VALUES (2)")
    assert client.sql("SELECT sum(n) FROM t") == "3"
    for forbidden in ("DROP TABLE t", "CREATE TABLE u (n int)", "CREATE ROLE x", "ALTER ROLE echo_owner SUPERUSER"):
        assert client.try_sql(forbidden).returncode != 0, forbidden
    client.sql("DROP TABLE t", who="owner")


def test_a_second_deploy_changes_nothing(stack: LiveStack) -> None:
    assert set(stack.up().changes) == {"same"}


def test_a_new_password_holds_beside_the_old_one(stack: LiveStack, client: MemoryClient, kube: Kube) -> None:
    before = _secret(kube, client.namespace)
    assert client.signs_in(*before)
    stack.configure(settings(passwordGeneration=1))
    stack.up()
    after = _secret(kube, client.namespace)
    assert after[0] != before[0]
    assert after[1] != before[1]
    # The operator gives the role its password a moment after the Secret has it.
    wait_for("the new user signs in", lambda: client.signs_in(*after), 60)
    assert client.signs_in(*before)
    assert not client.signs_in(before[0], after[1])


def test_redis_takes_both_users_and_nobody_else(client: MemoryClient, kube: Kube) -> None:
    sign_in = kube.get(f"/api/v1/namespaces/{client.namespace}/secrets/{names.REDIS_SECRET}")
    assert sign_in is not None
    user, password = (base64.b64decode(sign_in["data"][key]).decode() for key in ("username", "password"))
    tls = ["redis-cli", "-h", "localhost", "--tls", "--cacert", "/etc/redis/tls/ca.crt", "--no-auth-warning"]
    pod = _redis_pod(kube, client.namespace)

    def ask(*command: str) -> str:
        return str(client.run(*tls, *command, pod=pod).stdout).strip()

    # The file of users is read again within seconds of the kubelet's bringing it, a minute or two.
    wait_for("Redis knows the new user", lambda: ask("--user", user, "--pass", password, "PING") == "PONG", 180)
    assert ask("--user", user, "--pass", password, "SET", "thought", "1") == "OK"
    assert "NOPERM" in ask("--user", user, "--pass", password, "FLUSHALL")
    assert "NOAUTH" in ask("GET", "thought")


def _redis_pod(kube: Kube, namespace: str) -> str:
    pods = kube.items(f"/api/v1/namespaces/{namespace}/pods")
    (found,) = [pod["metadata"]["name"] for pod in pods if pod["metadata"]["name"].startswith(names.REDIS)]
    return str(found)


def _secret(kube: Kube, namespace: str) -> tuple[str, str]:
    found = kube.get(f"/api/v1/namespaces/{namespace}/secrets/{names.APP_SECRET}")
    assert found is not None
    user, password = (base64.b64decode(found["data"][key]).decode() for key in ("username", "password"))
    return user, password
