"""Proves the promises of the rendered configuration that no running node would miss at once.

That each component accepts its file is proved by a node that starts (tests/integration).
"""

from __future__ import annotations

import base64
import json
import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st

from toolchain.node import files


def test_containerd_restricts_oom_scores_only_where_it_must() -> None:
    for restrict in (True, False):
        cri = tomllib.loads(files.containerd(restrict_oom_score=restrict))["plugins"]["io.containerd.grpc.v1.cri"]
        assert cri["restrict_oom_score_adj"] is restrict
        assert cri["sandbox_image"] == "registry.k8s.io/pause:3.10"
        assert cri["containerd"]["runtimes"]["runc"]["options"]["SystemdCgroup"] is False


def test_a_miss_in_the_mirror_never_goes_outside() -> None:
    hosts = tomllib.loads(files.hosts_toml())
    assert hosts["server"] == "http://10.200.0.1:5000"
    assert list(hosts["host"]) == ["http://10.200.0.1:5000"]


def test_secrets_are_written_encrypted_and_old_plain_ones_stay_readable() -> None:
    [rule] = json.loads(files.encryption(b"k" * 32))["resources"]
    assert rule["resources"] == ["secrets"]
    first, second = rule["providers"]
    assert base64.b64decode(first["secretbox"]["keys"][0]["secret"]) == b"k" * 32
    assert second == {"identity": {}}


def test_audit_log_never_holds_a_body() -> None:
    rules = json.loads(files.audit_policy())["rules"]
    assert {rule["level"] for rule in rules} == {"None", "Metadata"}
    secrets = next(
        i for i, rule in enumerate(rules) if rule.get("resources") == [{"group": "", "resources": ["secrets"]}]
    )
    hidden_users = next(i for i, rule in enumerate(rules) if "users" in rule)
    assert secrets < hidden_users, "reading a Secret must be noted, whoever does it"


def test_kubelet_lets_nobody_in_unasked_and_stays_in_its_cgroup() -> None:
    kubelet = json.loads(files.kubelet("echorator-x", oom_score=0))
    assert kubelet["authentication"]["anonymous"] == {"enabled": False}
    assert kubelet["authorization"] == {"mode": "Webhook"}
    assert kubelet["cgroupRoot"] == "/echorator-x"
    assert kubelet["failCgroupV1"] is False
    assert kubelet["oomScoreAdj"] == 0
    assert kubelet["imageGCLowThresholdPercent"] < kubelet["imageGCHighThresholdPercent"]


def test_kubelet_finds_every_kernel_setting_as_it_wants_it() -> None:
    assert json.loads(files.kubelet("x", oom_score=0))["protectKernelDefaults"] is True
    assert {path.rpartition("/")[2] for path, _ in files.KERNEL_SETTINGS} == {
        "overcommit_memory",
        "panic_on_oom",
        "panic",
        "panic_on_oops",
        "root_maxkeys",
        "root_maxbytes",
    }


def test_kube_proxy_leaves_the_hosts_connection_tracking_alone() -> None:
    conntrack = json.loads(files.kube_proxy("x"))["conntrack"]
    assert conntrack == {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}


def test_pod_addresses_are_noted_where_a_reboot_forgets_them() -> None:
    bridge, _ = json.loads(files.cni())["plugins"]
    assert bridge["ipam"]["dataDir"].startswith("/run/")


@settings(deadline=None)
@given(st.integers(1, 65535), st.binary(min_size=1), st.binary(min_size=1), st.binary(min_size=1))
def test_host_kubeconfig_carries_what_it_is_given(port: int, ca: bytes, crt: bytes, key: bytes) -> None:
    config = json.loads(files.host_kubeconfig("echorator-x", port, ca, crt, key))
    assert config["current-context"] == "echorator-x"
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    assert cluster["server"] == f"https://127.0.0.1:{port}"
    assert base64.b64decode(cluster["certificate-authority-data"]) == ca
    assert base64.b64decode(user["client-certificate-data"]) == crt
    assert base64.b64decode(user["client-key-data"]) == key


def test_components_kubeconfig_names_files() -> None:
    config = json.loads(files.inside_kubeconfig("proxy"))
    assert config["users"][0]["user"]["client-key"] == "/var/lib/echorator/pki/proxy.key"
