"""The memory store on the real cluster: operator, PostgreSQL with pgvector, the schema, Redis, TLS, roles, rotation.

Not proved here: what faults cost, which test_faults.py and test_instances.py look at.
"""

from __future__ import annotations

import base64
import json

import pytest

from components.memory import names
from echo.migrations import LATEST
from tests.memory_store.conftest import settings
from tests.support.kube import Kube, wait_for
from tests.support.memory_client import MemoryClient
from tests.support.memory_service import MemoryService
from tests.support.stack import LiveStack

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]


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


SERVE = """
import asyncio, json, pathlib
from echo.memory import HashEmbedder, MemoryStore, NewMemory, Query
from echo.memory.working import WorkingMemory

async def main():
    folder = pathlib.Path("/etc/echo-memory")
    async with await MemoryStore.open((folder / "url").read_text(), embedder=HashEmbedder(64)) as store:
        await store.create_space("here", exist_ok=True)
        await store.space("here").encode([NewMemory(content="The kettle is blue.", idempotency_key="kettle")])
        found = await store.space("here").retrieve(Query(text="which colour has the kettle?"))
        working = WorkingMemory.connect((folder / "redis-url").read_text())
        report = await working.push("here", "s", "the kettle")
        told = [found.hits[0].memory.content, report.available, report.problem, len(report.items)]
        await working.close()
    print(json.dumps(told))

asyncio.run(main())
"""


def test_the_schema_is_there_and_a_service_remembers(
    stack: LiveStack, client: MemoryClient, service: MemoryService
) -> None:
    deployment = json.loads(stack.state())["deployment"]
    (outputs,) = [one["outputs"] for one in deployment["resources"] if one["type"] == "pulumi:pulumi:Stack"]
    assert outputs["memory-secret"] == names.SERVICE_SECRET
    versions = client.sql("SELECT count(*), max(version) FROM echo.schema_versions", who="owner")
    assert versions == f"{LATEST}|{LATEST}"
    assert json.loads(service.python(SERVE)) == ["The kettle is blue.", True, "", 1]
    # Past row-level security sees nobody that services sign in as, and no space is nobody's.
    assert client.sql("SELECT count(*) FROM echo.memories") == "0"
    assert (
        client.sql(
            "SELECT count(*) FROM pg_roles WHERE pg_has_role(rolname, 'echo_app', 'member') "
            "AND rolname LIKE 'echo_app%' AND (rolsuper OR rolbypassrls)",
            who="owner",
        )
        == "0"
    )
    for forbidden in (
        "CREATE TABLE echo.u (n int)",
        "ALTER TABLE echo.memories DISABLE ROW LEVEL SECURITY",
        "SET ROLE echo_owner",
        "DELETE FROM echo.schema_versions",
    ):
        assert client.try_sql(forbidden).returncode != 0, forbidden


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
    wait_for("the new user signs in", lambda: client.signs_in(*after), 240)
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
    wait_for("Redis knows the new user", lambda: ask("--user", user, "--pass", password, "PING") == "PONG", 300)
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
