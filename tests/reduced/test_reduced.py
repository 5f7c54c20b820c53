"""Proves that the reduced mode gives a real control plane and a real Ollama without any privilege, and leaves nothing.

The tests run in the file's order on one cluster; the last one ends it. As root its processes are started without a
single capability. Not proved: what the mode leaves out (`WHAT_IS_REDUCED`), and a machine that was rebooted.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.reduced import ordinary
from tests.support.kube import Kube, wait_for
from tests.support.stack import LiveStack
from toolchain.reduced import ours

pytestmark = [pytest.mark.ollama, pytest.mark.timeout(300)]

NODES = {"simulated-a", "simulated-b", "simulated-c"}
MODEL = "smollm2:135m"


def state_of(spec: Path) -> Path:
    return Path(json.loads(spec.read_text())["state"])


def ours_now(spec: Path) -> list[int]:
    return ours.find(ours.read_mark(state_of(spec) / "mark"))


def pids(spec: Path) -> dict[str, int]:
    status = ordinary.call(spec, "status")
    assert status["problems"] == []
    found: dict[str, int] = {part["name"]: part["pid"] for part in status["components"]}
    return {**found, "supervisor": status["supervisor_pid"]}


def test_it_comes_up_well(spec: Path, cluster: dict[str, Any], kube: Kube) -> None:
    assert {item["metadata"]["name"] for item in kube.items("/api/v1/nodes")} == NODES
    # No proxy of the environment, as everywhere here: it is all loopback.
    with httpx.Client(trust_env=False) as http:
        assert http.get(f"{cluster['ollama_url']}/api/version").json()["version"]
        assert http.get(f"http://{cluster['store']}/v2/library/smollm2/manifests/135m").is_success
    assert set(pids(spec)) == {
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kwok",
        "volumes",
        "store",
        "ollama",
        "supervisor",
    }


@pytest.mark.usefixtures("cluster")
def test_no_process_has_a_privilege_or_a_namespace_of_its_own(spec: Path) -> None:
    found = ours_now(spec)
    assert len(found) >= 9
    for pid in found:
        status = Path(f"/proc/{pid}/status").read_text()
        assert "CapEff:\t0000000000000000" in status
        for kind in ("mnt", "net", "pid", "uts", "ipc", "user"):
            assert Path(f"/proc/{pid}/ns/{kind}").readlink() == Path(f"/proc/self/ns/{kind}").readlink()


def test_only_loopback_is_listened_on(spec: Path, cluster: dict[str, Any]) -> None:
    sockets: set[str] = set()
    for pid in ours_now(spec):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                sockets.add(str(entry.readlink()))
    listening: set[str] = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                listening.add(fields[1].partition(":")[0])
    assert listening == {"0100007F"}, "127.0.0.1 as the kernel writes it"
    assert cluster["ollama_url"].startswith("http://127.0.0.1:")


def test_a_second_up_changes_nothing(spec: Path, cluster: dict[str, Any]) -> None:
    before = pids(spec)
    assert ordinary.call(spec, "up") == cluster
    assert pids(spec) == before


def hosted(replicas: int, cluster: dict[str, Any]) -> dict[str, Any]:
    small = {"requests": {"cpu": "250m", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "2Gi"}}
    source = f"{cluster['store']}/library/{MODEL}"
    return {
        # Its address is on loopback, where no pod would find it.
        "cluster": {"apiServer": []},
        "modelStore": {"storage": "5Gi"},
        "servers": [
            {"name": "desk", "url": cluster["ollama_url"], "models": [{"name": MODEL, "source": source}]},
            {"name": "pods", "replicas": replicas, "resources": small, "storage": "4Gi"},
        ],
    }


def test_a_stack_deploys_scales_and_goes(live_stack: LiveStack, kube: Kube, cluster: dict[str, Any]) -> None:
    live_stack.configure(hosted(1, cluster))
    live_stack.up()
    assert set(live_stack.up("--expect-no-changes").changes) == {"same"}
    live_stack.configure(hosted(3, cluster))
    live_stack.up()
    base = f"/api/v1/namespaces/{live_stack.namespace}"
    running = {
        item["metadata"]["name"]: item["spec"]["nodeName"]
        for item in kube.items(f"{base}/pods")
        if item["status"]["phase"] == "Running"
    }
    assert set(running) == {"pods-0", "pods-1", "pods-2", "model-store-0"}
    # Each in a zone of its own, as the server's spread asks.
    assert {running[f"pods-{index}"] for index in range(3)} == NODES
    assert {item["status"]["phase"] for item in kube.items(f"{base}/persistentvolumeclaims")} == {"Bound"}
    [quota] = kube.items(f"{base}/resourcequotas")
    used = quota["status"]["used"]
    assert (used["pods"], used["persistentvolumeclaims"], used["requests.storage"]) == ("4", "4", "17Gi")
    with httpx.Client(base_url=cluster["ollama_url"], trust_env=False, timeout=120) as http:
        question = {"role": "user", "content": "What is the capital of France?"}
        body = {
            "model": MODEL,
            "messages": [question],
            "stream": False,
            "options": {"temperature": 0, "seed": 1, "num_predict": 20},
        }
        assert "Paris" in http.post("/api/chat", json=body).raise_for_status().json()["message"]["content"]
        live_stack.destroy()
        assert http.get("/api/tags").json()["models"] == []
    wait_for("the volumes are gone", lambda: not kube.items("/api/v1/persistentvolumes"), 60)


def test_pod_security_refuses_at_admission(kube: Kube) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    kube.create("/api/v1/namespaces", {"metadata": {"name": "strict", "labels": labels}})
    container = {"name": "x", "image": "x", "securityContext": {"privileged": True}}
    answer = kube.request(
        "POST", "/api/v1/namespaces/strict/pods", {"metadata": {"name": "x"}, "spec": {"containers": [container]}}
    )
    kube.delete_namespace("strict")
    assert answer.status_code == httpx.codes.FORBIDDEN
    assert "violates PodSecurity" in answer.text


@pytest.mark.parametrize("victims", [("etcd",), ("ollama",), ("supervisor",), ("supervisor", "ollama", "etcd")])
def test_what_is_killed_is_mended(spec: Path, cluster: dict[str, Any], victims: tuple[str, ...]) -> None:
    # A loaded model has a runner, which Ollama's death would leave behind.
    with httpx.Client(base_url=cluster["ollama_url"], trust_env=False, timeout=120) as http:
        http.post("/api/pull", json={"model": f"{cluster['store']}/library/{MODEL}", "insecure": True, "stream": False})
        http.post("/api/generate", json={"model": f"{cluster['store']}/library/{MODEL}"}).raise_for_status()
    before = pids(spec)
    assert len(ours_now(spec)) == len(before) + 1
    for victim in victims:
        os.kill(before[victim], signal.SIGKILL)
    assert ordinary.call(spec, "up") == cluster
    after = pids(spec)
    assert all(after[victim] != before[victim] for victim in victims)
    strays = set(ours_now(spec)) - set(after.values())
    assert len(strays) <= (0 if "ollama" in victims or "supervisor" in victims else 1)


def test_down_leaves_no_process_and_up_finds_all_again(spec: Path, cluster: dict[str, Any], kube: Kube) -> None:
    kube.create("/api/v1/namespaces", {"metadata": {"name": "kept"}})
    ordinary.call(spec, "down")
    assert ours_now(spec) == []
    assert ordinary.call(spec, "status")["problems"] == ["the reduced cluster does not run: `make up` starts it"]
    assert ordinary.call(spec, "up") == cluster
    with Kube(Path(cluster["kubeconfig"])) as again:
        assert again.get("/api/v1/namespaces/kept") is not None


@pytest.mark.usefixtures("cluster")
def test_purge_leaves_nothing_at_all(spec: Path) -> None:
    mark = ours.read_mark(state_of(spec) / "mark")
    ordinary.call(spec, "purge")
    assert ours.find(mark) == []
    assert not state_of(spec).exists()
    # Again, with nothing there.
    ordinary.call(spec, "down")
