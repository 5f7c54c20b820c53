"""The memory store's objects as they are sent to the cluster.

Not proved: that the operator makes a database of them; the tests on the real cluster show that.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from components.cluster import Cluster, ClusterArgs
from components.echo_memory_store import EchoMemoryStore, EchoMemoryStoreArgs
from components.memory import manifest as memory_manifest
from components.memory import operator as memory_operator
from components.memory import postgres_objects as postgres
from components.memory import schema_objects as schema
from components.memory.manifest import ManifestError, definitions
from components.memory.redis_objects import users
from components.settings.memory import (
    BackupBucketSettings,
    BackupSettings,
    MemorySettings,
    RecoverySettings,
    RedisSettings,
)
from components.sizes import CLASSES
from tests.support.pulumi_mocks import Seen, deploy, kinds

pytestmark = pytest.mark.usefixtures("local_kubeconfig")

DEFINITION: dict[str, Any] = {
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "clusters.postgresql.cnpg.io", "annotations": {"a": "b"}},
    "spec": {"names": {"plural": "clusters"}, "group": "postgresql.cnpg.io"},
}
BUCKET = BackupBucketSettings.model_validate(
    {
        "endpoint": "https://s3.example",
        "bucket": "echo",
        "prefix": "/team/",
        "region": "eu",
        "credentialsSecret": "s3-keys",
    }
)


@pytest.fixture(autouse=True)
def release(monkeypatch: pytest.MonkeyPatch) -> None:
    def of_the_test(_: str | None) -> list[dict[str, Any]]:
        return [DEFINITION]

    monkeypatch.setattr(memory_operator.manifest, "definitions", of_the_test)


def seen(environment: Any = "dev", **settings: Any) -> Seen:
    def program() -> None:
        cluster = Cluster("c", ClusterArgs(environment="dev", prefix="team"))
        wanted = MemorySettings(enabled=True, **settings)
        EchoMemoryStore("m", EchoMemoryStoreArgs(cluster=cluster, settings=wanted, environment=environment))

    return deploy(program)


def database(found: Seen) -> Any:
    return kinds(found, ":Cluster")["m-database"]["spec"]


def test_one_instance_in_dev_and_three_in_production() -> None:
    dev, prod = database(seen()), database(seen("prod"))
    assert (dev["instances"], prod["instances"]) == (1, 3)
    assert "synchronous" not in dev["postgresql"]
    assert prod["postgresql"]["synchronous"] == {"method": "any", "number": 1, "dataDurability": "required"}


def test_the_operator_stays_in_its_namespace() -> None:
    found = seen()
    wide = kinds(found, ":ClusterRole")["m-operator-cluster-role"]["rules"]
    assert {verb for rule in wide for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert [rule["resources"] for rule in wide] == [["nodes"], ["clusterimagecatalogs"]]
    role = kinds(found, ":Role")["m-operator-role"]
    assert role["metadata"]["namespace"] == "team-memory"
    # Without it a database waits for ever where monitoring brought that kind.
    assert [rule["verbs"] for rule in role["rules"] if rule["resources"] == ["podmonitors"]] == [
        ["get", "list", "watch"]
    ]
    pod = kinds(found, ":Deployment")["m-operator"]["spec"]["template"]["spec"]
    environment = {one["name"]: one.get("value") for one in pod["containers"][0]["env"]}
    assert environment["WATCH_NAMESPACE"] == "team-memory"
    assert not kinds(found, "WebhookConfiguration")


def test_an_existing_operator_is_let_in_and_none_is_brought() -> None:
    found = seen(operator="existing", operatorNamespace="databases")
    assert "m-operator" not in kinds(found, ":Deployment")
    assert not kinds(found, ":CustomResourceDefinition")
    rules = kinds(found, ":NetworkPolicy")["m-memory-database"]["spec"]["ingress"]
    peers = [peer for rule in rules if rule["ports"][0]["port"] == 8000 for peer in rule["from"]]
    assert peers[0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "databases"}


def test_definitions_outlive_the_stack_that_brought_them() -> None:
    definition = kinds(seen(), ":CustomResourceDefinition")["m-clusters"]
    assert definition["spec"]["names"] == {"plural": "clusters"}


def test_no_password_is_in_clear() -> None:
    acl = users({"echo_a": "first", "echo_b": "second"})
    assert "first" not in acl
    assert f"#{hashlib.sha256(b'first').hexdigest()}" in acl
    assert "user default reset off" in acl.splitlines()


@pytest.mark.parametrize(("generation", "user"), [(0, "echo_app_a"), (1, "echo_app_b"), (2, "echo_app_a")])
def test_services_sign_in_in_turns(generation: int, user: str) -> None:
    found = seen(passwordGeneration=generation)
    assert kinds(found, ":Secret")["m-memory-app"]["stringData"]["value"]["username"] == user
    keepers = kinds(found, ":RandomPassword")
    kept = {name: keepers[f"m-password-{name}"]["keepers"]["generation"] for name in (0, 1)}
    assert kept[generation % 2] == str(generation)
    assert kept[1 - generation % 2] == str(generation - 1)


def test_every_role_that_signs_in_may_connect() -> None:
    spec = database(seen())
    granted = [one for one in spec["bootstrap"]["initdb"]["postInitApplicationSQL"] if one.startswith("GRANT CONNECT")]
    takers = {taker for one in granted for taker in one.partition(" TO ")[2].split(", ")}
    logins = [role for role in spec["managed"]["roles"] if role["login"]]
    assert {role["name"] for role in logins} == {"echo_app_a", "echo_app_b", "echo_reader"}
    for role in logins:
        assert takers & {role["name"], *role["inRoles"]}, role["name"]


def test_backups_go_through_the_gateway_that_encrypts() -> None:
    found = seen(backups=BackupSettings.model_validate({"enabled": True, "keepDays": 7}))
    backup = database(found)["backup"]
    assert backup["retentionPolicy"] == "7d"
    assert backup["barmanObjectStore"]["endpointURL"] == "https://memory-backups.team-memory.svc:8443"
    pods = kinds(found, ":StatefulSet")["m-gateway"]["spec"]
    environment = {one["name"]: one["value"] for one in pods["template"]["spec"]["containers"][0]["env"]}
    assert environment["RCLONE_CONFIG_VAULT_TYPE"] == "crypt"
    assert environment["RCLONE_CONFIG_VAULT_REMOTE"] == "/data"
    assert pods["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"] == "20Gi"
    assert kinds(found, ":ScheduledBackup")["m-schedule"]["spec"]["immediate"] is True


def test_a_bucket_takes_the_volume_s_place() -> None:
    found = seen(backups=BackupSettings(enabled=True, bucket=BUCKET))
    pods = kinds(found, ":StatefulSet")["m-gateway"]["spec"]
    environment = {one["name"]: one["value"] for one in pods["template"]["spec"]["containers"][0]["env"]}
    assert environment["RCLONE_CONFIG_VAULT_REMOTE"] == "store:echo/team"
    assert not pods.get("volumeClaimTemplates")
    assert "s3-keys" in {one.get("secret", {}).get("secretName") for one in pods["template"]["spec"]["volumes"]}


@pytest.mark.parametrize(("endpoint", "port"), [("https://s3.example", 443), ("https://s3.example:9000", 9000)])
def test_the_gateway_may_reach_the_bucket_at_its_port(endpoint: str, port: int) -> None:
    bucket = BUCKET.model_copy(update={"endpoint": endpoint})
    found = seen(backups=BackupSettings(enabled=True, bucket=bucket))
    (rule,) = kinds(found, ":NetworkPolicy")["m-memory-backups"]["spec"]["egress"]
    assert [one["port"] for one in rule["ports"]] == [port]


def test_a_store_begins_as_a_copy() -> None:
    copied = postgres.cluster(
        postgres.Database(
            store="memory-2",
            prefix="team",
            instances=1,
            image="postgres",
            size=CLASSES["echo"],
            storage_class=None,
            priority="p",
            archive=postgres.Archive(url="https://g", authority="a", credentials="c", keep_days=30),
            recovery=RecoverySettings(source="memory", time="2027-01-31T12:00:00Z"),
        )
    )
    assert copied["bootstrap"]["recovery"]["recoveryTarget"] == {"targetTime": "2027-01-31 12:00:00.000000+00"}
    source = copied["externalClusters"][0]["barmanObjectStore"]
    assert source["serverName"] == "memory"
    assert "serverName" not in copied["backup"]["barmanObjectStore"]


def test_without_redis_there_is_none() -> None:
    found = seen(redis=RedisSettings(enabled=False))
    assert "m-redis" not in kinds(found, ":Deployment")
    assert "redis-url" not in kinds(found, ":Secret")["m-service"]["stringData"]["value"]


def test_a_changed_schema_is_another_job(monkeypatch: pytest.MonkeyPatch) -> None:
    (before,) = kinds(seen(), ":Job").values()
    monkeypatch.setattr(schema, "schema_tag", lambda: "0123456789")
    ((name, after),) = kinds(seen(), ":Job").items()
    assert name == "m-memory-migrations-0123456789"
    assert after["metadata"]["name"] == "memory-migrations-0123456789"
    assert before["metadata"]["name"] != after["metadata"]["name"]
    # One that failed would else be waited for again by each deploy, and fail it.
    assert after["metadata"]["annotations"]["pulumi.com/replaceUnready"] == "true"


def test_migrations_run_as_the_owner_and_grant_to_services() -> None:
    found = seen()
    (job,) = kinds(found, ":Job").values()
    pod = job["spec"]["template"]["spec"]
    assert pod["containers"][0]["args"] == ["echo.migrations", "up", "--service-role", "echo_app", "--wait", "120"]
    assert pod["volumes"][0]["secret"]["secretName"] == "memory-migrations"
    url = kinds(found, ":Secret")["m-memory-migrations"]["stringData"]["value"]["url"]
    assert url.startswith("postgresql://echo_owner:")
    indexes = kinds(found, ":CronJob")["m-indexes"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert indexes["containers"][0]["args"] == ["echo.migrations", "indexes", "--memory", "256MB", "--wait", "120"]


def test_services_sign_in_beside_the_models() -> None:
    found = seen(passwordGeneration=1)
    secret = kinds(found, ":Secret")["m-service"]
    assert (secret["metadata"]["name"], secret["metadata"]["namespace"]) == ("echo-memory", "team-models")
    data = secret["stringData"]["value"]
    assert data["url"] == (
        "postgresql://echo_app_b:password%20of%20m-password-1@memory-rw.team-memory.svc:5432/echo"
        "?sslmode=verify-full&sslrootcert=/etc/echo-memory/ca.crt"
    )
    assert data["redis-url"] == (
        "rediss://echo_b:password%20of%20m-redis-password-1@memory-redis.team-memory.svc:6379/0"
        "?ssl_ca_certs=/etc/echo-memory/ca.crt"
    )
    way = kinds(found, ":NetworkPolicy")["m-services"]
    assert way["metadata"]["namespace"] == "team-models"
    (database, redis) = way["spec"]["egress"]
    space = {"matchLabels": {"kubernetes.io/metadata.name": "team-memory"}}
    assert [rule["to"][0]["namespaceSelector"] for rule in (database, redis)] == [space, space]


def test_one_certificate_is_for_every_store_of_the_namespace() -> None:
    found = seen(name="memory-2")
    assert database(found)["certificates"] == dict.fromkeys(
        ("serverCASecret", "serverTLSSecret"), "memory-database-tls"
    )
    hosts = kinds(found, ":Certificates")["m-certificates"]["hosts"]["database"]
    assert hosts == ["*.team-memory.svc", "*.team-memory.svc.cluster.local"]


def test_the_definitions_are_those_of_the_release(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="cannot be read"):
        definitions(str(tmp_path / "absent.yaml"))
    file = tmp_path / "release.yaml"
    file.write_text("kind: Namespace\n---\nkind: CustomResourceDefinition\n---\n")
    with pytest.raises(ManifestError, match="unchanged"):
        definitions(str(file))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert definitions(str(file), sha256=digest) == [{"kind": "CustomResourceDefinition"}]
    assert memory_manifest.KEPT.name == "cnpg-1.27.0.yaml"
