"""A stack with a memory store breaks no check but those that an exception names, in dev and in prod.

Not shown: what the operator itself makes of the objects; the drills on the real cluster look at its pods.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from components.memory import operator as memory_operator
from components.versions import IMAGES, MEMORY_IMAGES
from policies.context import Context
from policies.exceptions import Exceptions, load
from policies.runner import Runner
from tests.policies.objects import DIGEST
from tests.policies.support import pack_config, registered, stack_config

BUCKET = {"endpoint": "https://s3.example", "bucket": "echo", "credentialsSecret": "backup-keys"}
PROD = {
    "echorator:cluster": json.dumps({"storageClass": "encrypted"}),
    "echorator:imageDigests": json.dumps(dict.fromkeys([*IMAGES, *MEMORY_IMAGES], DIGEST)),
}


@pytest.mark.parametrize(("name", "backups"), [("dev", {"storage": "2Gi"}), ("prod", {"bucket": BUCKET})])
def test_no_violation_but_those_with_an_exception(
    name: str, backups: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_: str | None) -> list[dict[str, Any]]:
        return []

    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.setattr(memory_operator.manifest, "definitions", none)
    memory = {"enabled": True, "backups": {"enabled": True, **backups}}
    filled = {**(PROD if name == "prod" else {}), "echorator:memory": json.dumps(memory)}
    found = registered(name, tmp_path, filled)
    assert any(one.type == "kubernetes:postgresql.cnpg.io/v1:Cluster" for one in found)
    # On their last day, so that this test does not end with them.
    excused = Exceptions(load(), min(one.expires for one in load()))
    runner = Runner(Context(name, {**stack_config(name), **filled}), pack_config(name), excused)
    assert [str(one) for one in runner.all(found)] == []
