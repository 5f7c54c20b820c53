"""The loss of a cluster, in two parts with a purge between: what outlives it are a bucket, the state and the settings.

    export ECHORATOR_LOSS=/var/tmp/loss
    RUN="./toolchain/bootstrap.sh python -m toolchain"
    $RUN test tests/memory_store/new_cluster.py -s     # a store with memories and backups, kept there
    $RUN down --purge                                  # disks, keys and etcd of the cluster
    $RUN test tests/memory_store/new_cluster.py -s     # the same on another cluster, by `echorator restore`

No part of `make drill`: it costs the local cluster. Bring the images first, with `make drill OF=memory`. The bucket is
carried over as files, since it stood in the cluster that is lost. Not proved: a cloud's S3.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from cli.exits import Exit
from components import memory_names as names
from components.certificates import Pair
from tests.memory_store.conftest import settings
from tests.memory_store.remembering import HELD, remember
from tests.memory_store.test_bucket import ARCHIVED, LIMIT_S, NOW_AT
from tests.support.bucket import BUCKET, POD, Bucket
from tests.support.cli_stack import CliStack
from tests.support.kube import Kube, wait_for
from tests.support.memory_client import memory_client
from tests.support.memory_service import memory_service
from tests.support.stack import Engine

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

NAME = "lost"
MEMORIES = 1000


def test_the_loss_of_a_cluster(kube: Kube, engine: Engine) -> None:
    folder = Path(os.environ["ECHORATOR_LOSS"])
    bucket = Bucket(kube, f"{NAME}-s3")
    if (folder / "kept.json").exists():
        _another_cluster(folder, bucket, kube, engine)
    else:
        _before(folder, bucket, kube, engine)


def _before(folder: Path, bucket: Bucket, kube: Kube, engine: Engine) -> None:
    (folder / "first").mkdir(parents=True)
    with bucket:
        stack = CliStack(engine, folder / "first", NAME)
        stack.configure(settings(backups={"enabled": True, "bucket": bucket.settings()}))
        space = names.namespace(NAME)
        with bucket.keys_given(space):
            stack.up()
        with (
            memory_service(kube, engine.kubeconfig, stack.namespace) as service,
            memory_client(kube, engine.kubeconfig, space) as client,
        ):
            done = stack.run("backup", limit_s=LIMIT_S)
            assert done.code == Exit.DONE, done.stderr
            # After the full backup: it comes back by the log alone.
            assert remember(service, 0, MEMORIES).new == MEMORIES
            held = client.sql(HELD, who="reader")
            last = client.sql(NOW_AT, who="reader")
            wait_for("all is in the archive", lambda: client.sql(ARCHIVED, who="reader") >= last, 300)
        kept = {"held": held, "state": stack.state(), "keys": bucket.keys, "authority": asdict(bucket.authority)}
        (folder / "bucket.tar").write_bytes(
            base64.b64decode(_in_bucket(kube, bucket, f"tar -C /data -c {BUCKET} | base64"))
        )
        (folder / "kept.json").write_text(json.dumps(kept))


def _another_cluster(folder: Path, bucket: Bucket, kube: Kube, engine: Engine) -> None:
    kept = json.loads((folder / "kept.json").read_text())
    assert kube.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/clusters.postgresql.cnpg.io") is None
    assert kube.get(f"/api/v1/namespaces/{names.namespace(NAME)}") is None
    bucket.keys, bucket.authority = kept["keys"], Pair(**kept["authority"])
    second = folder / "second"
    shutil.rmtree(second, ignore_errors=True)
    (second / "pulumi").mkdir(parents=True)
    # The settings with their salt are in version control, the passphrase is where people keep it; the backend is new.
    for kept_file in (f"Pulumi.{NAME}.yaml", "pulumi/passphrase"):
        shutil.copy(folder / "first" / kept_file, second / kept_file)
    stack = CliStack(engine, second, NAME)
    with bucket:
        carried = ["exec", "-i", POD, "--", "tar", "-C", "/data", "-x"]
        command = [os.environ["ECHORATOR_KUBECTL"], "--kubeconfig", str(engine.kubeconfig), "-n", bucket.namespace]
        subprocess.run([*command, *carried], input=(folder / "bucket.tar").read_bytes(), check=True)
        begun = time.monotonic()
        stack.lose_state()
        stack.bring_state(kept["state"])
        stack.refresh()
        space = names.namespace(NAME)
        with bucket.keys_given(space):
            done = stack.run("restore", "--source", "memory", "--yes", "--skip-preview", "--json", limit_s=LIMIT_S)
        assert done.code == Exit.DONE, done.stderr
        took = time.monotonic() - begun
        with memory_client(kube, engine.kubeconfig, space, store="memory-2") as client:
            assert client.sql(HELD, who="reader") == kept["held"]
        with memory_service(kube, engine.kubeconfig, stack.namespace) as service:
            assert remember(service, 0, MEMORIES).new == 0
        print(f"\n{MEMORIES} memories, the same hash, {took:.0f} s after `stack init`")


def _in_bucket(kube: Kube, bucket: Bucket, script: str) -> str:
    return kube.execute(bucket.namespace, POD, "s3", "sh", "-c", script)
