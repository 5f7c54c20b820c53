"""What may be said of the memory store, and how each mistake is told."""

from typing import Any

import pytest

from components.settings import stack as settings
from tests.support.settings_cases import faults, refusal


def memory(**changes: Any) -> dict[str, Any]:
    return {"memory": {"enabled": True, **changes}}


CASES: list[tuple[dict[str, Any], str]] = [
    ({"name": "Memory"}, "memory.name: `Memory` is no legal name"),
    ({"name": "m" * 31}, "at most 30 characters"),
    ({"name": "memory-redis"}, "name of another part"),
    ({"instances": 0}, "memory.instances: must be from 1 to 9, not 0"),
    ({"passwordGeneration": -1}, "memory.passwordGeneration: must be from 0"),
    ({"storage": "much"}, "memory.storage: `much` is no legal quantity"),
    ({"redis": {"memory": "x"}}, "memory.redis.memory: `x` is no legal quantity"),
    (
        {"resources": {"requests": {"cpu": "1", "memory": "lots"}, "limits": {"cpu": "1", "memory": "1Gi"}}},
        "memory.resources.requests.memory: `lots`",
    ),
    ({"operator": "helm"}, "memory.operator"),
    ({"backups": {"schedule": "0 2 * * *"}}, "six fields, seconds first"),
    ({"backups": {"keepDays": 0}}, "memory.backups.keepDays: must be from 1"),
    (
        {"backups": {"bucket": {"endpoint": "http://s3.local", "bucket": "b", "credentialsSecret": "c"}}},
        "must be https",
    ),
    (
        {
            "backups": {
                "storage": "1Gi",
                "bucket": {"endpoint": "https://s3.local", "bucket": "b", "credentialsSecret": "c"},
            }
        },
        "is of the volume, and there is a bucket",
    ),
    ({"recovery": {"source": "memory"}, "backups": {"enabled": True}}, "memory.name: must differ from the source"),
    ({"recovery": {"source": "old"}}, "needs `memory.backups.enabled: true`"),
    (
        {"recovery": {"source": "old", "time": "2027-01-31 12:00"}, "backups": {"enabled": True}},
        "must be a moment with its offset",
    ),
    ({"postgres": {}}, "memory.postgres"),
]


@pytest.mark.parametrize(("changes", "part"), CASES, ids=lambda case: case if isinstance(case, str) else "")
def test_each_mistake_is_the_only_fault(changes: dict[str, Any], part: str) -> None:
    found = refusal(memory(**changes))
    assert len(found) == 1, found
    assert part in found[0]


def test_production_wants_replicas_and_backups() -> None:
    found = refusal({"environment": "prod", **memory(instances=1)})
    assert [fault.partition(":")[0] for fault in found] == ["memory.backups.enabled", "memory.instances"]
    assert faults({"environment": "prod", **memory(backups={"enabled": True})}) == []


def test_all_faults_at_once() -> None:
    assert len(refusal(memory(instances=0, storage="x", name="A"))) == 3


def test_nothing_said_is_no_memory() -> None:
    assert settings.validate({}).memory.enabled is False
