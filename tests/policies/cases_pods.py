"""What a pod may say and what not: by the Pod Security Standards of Kubernetes 1.34, and by this project's own rules.

Each row is a change to a good pod template. `C` stands for a container, in whichever of the three lists.
"""

from __future__ import annotations

from typing import Any

from tests.policies.objects import CONTAINER, DIGEST, GONE, TEMPLATE, changed

Changes = dict[str | tuple[str, ...], Any]
Rows = dict[str, tuple[list[Changes], list[Changes]]]
"""Check, to changes that it lets pass and changes that it must not."""

_APPARMOR = ("metadata", "annotations", "container.apparmor.security.beta.kubernetes.io/main")
_SECCOMP = ("metadata", "annotations", "seccomp.security.alpha.kubernetes.io/pod")
_WINDOWS: Changes = {"spec/os": {"name": "windows"}}
_USERS: Changes = {"spec/hostUsers": False}


def _volume(kind: str, body: Any) -> Changes:
    return {"spec/volumes/1": {"name": "v", kind: body}}


CONTAINERS: Rows = {
    "workload-privileged": ([{"C/securityContext/privileged": False}], [{"C/securityContext/privileged": True}]),
    "workload-host-ports": (
        [{"C/ports": [{"containerPort": 80}]}, {"C/ports": [{"containerPort": 80, "hostPort": 0}]}],
        [{"C/ports": [{"containerPort": 80}, {"containerPort": 81, "hostPort": 81}]}],
    ),
    "workload-capabilities-add": (
        [{"C/securityContext/capabilities/add": ["CHOWN", "KILL", "NET_BIND_SERVICE", "SYS_CHROOT"]}],
        [
            {"C/securityContext/capabilities/add": ["SYS_ADMIN"]},
            {"C/securityContext/capabilities/add": ["NET_BIND_SERVICE", "NET_RAW"]},
            {"C/securityContext/capabilities/add": ["ALL"]},
        ],
    ),
    "workload-proc-mount": (
        [{"C/securityContext/procMount": "Default"}],
        [{"C/securityContext/procMount": "Unmasked"}, {"C/securityContext/procMount": "Unmasked", **_USERS}],
    ),
    "workload-selinux": (
        [{"C/securityContext/seLinuxOptions": {"type": "container_t", "level": "s0:c123,c456"}}],
        [
            {"C/securityContext/seLinuxOptions": {"type": "spc_t"}},
            {"C/securityContext/seLinuxOptions": {"user": "system_u"}},
            {"C/securityContext/seLinuxOptions": {"role": "sysadm_r"}},
        ],
    ),
    "workload-apparmor": (
        [
            {"C/securityContext/appArmorProfile": {"type": "RuntimeDefault"}},
            {"C/securityContext/appArmorProfile": {"type": "Localhost", "localhostProfile": "p"}},
            {_APPARMOR: "localhost/p"},
        ],
        [{"C/securityContext/appArmorProfile": {"type": "Unconfined"}}, {_APPARMOR: "unconfined"}],
    ),
    "workload-seccomp-unconfined": (
        [{"C/securityContext/seccompProfile": {"type": "Localhost", "localhostProfile": "p"}}],
        [{"C/securityContext/seccompProfile": {"type": "Unconfined"}}, {_SECCOMP: "unconfined"}],
    ),
    "workload-host-process": (
        [{"C/securityContext/windowsOptions": {"hostProcess": False}}],
        [{"C/securityContext/windowsOptions": {"hostProcess": True}}],
    ),
    "workload-probe-host": (
        [{"C/startupProbe": {"httpGet": {"host": "", "port": 80}}}],
        [
            {"C/livenessProbe": {"httpGet": {"host": "169.254.169.254", "port": 80}}},
            {"C/readinessProbe": {"tcpSocket": {"host": "10.0.0.1", "port": 80}}},
            {"C/lifecycle": {"postStart": {"httpGet": {"host": "metadata.google.internal", "port": 80}}}},
            {"C/lifecycle": {"preStop": {"tcpSocket": {"host": "127.0.0.1", "port": 80}}}},
        ],
    ),
    "workload-privilege-escalation": (
        [{"C/securityContext/allowPrivilegeEscalation": GONE, **_WINDOWS}],
        [{"C/securityContext/allowPrivilegeEscalation": GONE}, {"C/securityContext/allowPrivilegeEscalation": True}],
    ),
    "workload-run-as-non-root": (
        [
            {"C/securityContext/runAsNonRoot": True},
            {"spec/securityContext/runAsNonRoot": GONE, **_USERS},
        ],
        [{"C/securityContext/runAsNonRoot": False}],
    ),
    "workload-run-as-root-user": (
        [{"C/securityContext/runAsUser": 1000}, {"C/securityContext/runAsUser": 0, **_USERS}],
        [{"C/securityContext/runAsUser": 0}],
    ),
    "workload-drop-capabilities": (
        [
            {"C/securityContext/capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}},
            {"C/securityContext/capabilities": GONE, **_WINDOWS},
        ],
        [
            {"C/securityContext/capabilities": GONE},
            {"C/securityContext/capabilities": {"drop": ["NET_RAW", "SYS_ADMIN"]}},
            {"C/securityContext/capabilities": {"drop": []}},
            {"C/securityContext/capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}},
        ],
    ),
    "workload-read-only-root": (
        [{"C/securityContext/readOnlyRootFilesystem": True}],
        [{"C/securityContext/readOnlyRootFilesystem": GONE}, {"C/securityContext/readOnlyRootFilesystem": False}],
    ),
    "encryption-secret-in-env": (
        [
            {"C/env": [{"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]},
            {"C/env": [{"name": "PASSWORD_FILE", "value": "/run/secrets/db"}]},
            {"C/env": [{"name": "DB_PASSWORD", "value": "$(OTHER)"}]},
            {"C/env": [{"name": "MAX_TOKENS", "value": "4096"}, {"name": "OLLAMA_KEEP_ALIVE", "value": "5m"}]},
        ],
        [
            {"C/env": [{"name": "DB_PASSWORD", "value": "hunter2hunter2"}]},
            {"C/env": [{"name": "apiKey", "value": "0123456789abcdef"}]},
            {"C/env": [{"name": "INNOCENT", "value": "-----BEGIN RSA PRIVATE KEY-----\nMIIE"}]},
            {"C/env": [{"name": "WHERE", "value": "postgres://user:hunter2@db/app"}]},
            {"C/env": [{"name": "AWS", "value": "AKIA" + "A" * 16}]},
        ],
    ),
    "encryption-secret-in-arguments": (
        [{"C/args": ["--password-file=/run/db", "--token", "$(TOKEN)", "serve"]}, {"C/args": ["--max-tokens=4096"]}],
        [
            {"C/args": ["--password=hunter2hunter2"]},
            {"C/args": ["--api-key", "0123456789abcdef"]},
            {"C/command": ["curl", "-H", "Authorization: Bearer abcdefghijklmnopqrstuvwxyz"]},
            {"C/args": ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"]},
        ],
    ),
    "encryption-plain-http": (
        [
            {"C/env": [{"name": "A", "value": "https://example.com"}]},
            {"C/args": ["--url=http://127.0.0.1:11434", "http://store.team.svc.cluster.local:5000"]},
            {"C/args": ["--listen=http://[::1]:80"]},
        ],
        [
            {"C/env": [{"name": "A", "value": "http://example.com/api"}]},
            {"C/args": ["--cache", "redis://:secret@cache.example.com:6379"]},
            {"C/command": ["sh", "-c", "curl http://198.51.100.7/x"]},
        ],
    ),
    "encryption-database-tls": (
        [
            {"C/args": ["postgres://db.team.svc/app?sslmode=verify-full"]},
            {"C/env": [{"name": "PGSSLMODE", "value": "verify-full"}]},
        ],
        [
            {"C/args": ["postgresql://db.team.svc/app?sslmode=require"]},
            {"C/args": ["postgres://db.team.svc/app"]},
            {"C/args": ["host=db sslmode=prefer"]},
            {"C/env": [{"name": "PGSSLMODE", "value": "disable"}]},
        ],
    ),
    "encryption-tls-version": (
        [{"C/args": ["--tls-min-version=VersionTLS12"]}, {"C/env": [{"name": "MIN_TLS_VERSION", "value": "1.2"}]}],
        [
            {"C/args": ["--tls-min-version=VersionTLS10"]},
            {"C/env": [{"name": "TLS_MIN_VERSION", "value": "1.1"}]},
            {"C/env": [{"name": "SSL_PROTOCOLS", "value": "TLSv1 TLSv1.2"}]},
        ],
    ),
    "encryption-skip-verify": (
        [{"C/args": ["--insecure-skip-tls-verify=false"]}],
        [
            {"C/args": ["--insecure-skip-tls-verify"]},
            {"C/env": [{"name": "NODE_TLS_REJECT_UNAUTHORIZED", "value": "0"}]},
        ],
    ),
    "supply_chain-digest": (
        [{"C/image": f"docker.io/ollama/ollama:1@{DIGEST}"}],
        [{"C/image": "docker.io/ollama/ollama:1"}, {"C/image": "docker.io/ollama/ollama"}],
    ),
    "supply_chain-digest-form": (
        [{"C/image": f"docker.io/ollama/ollama@{DIGEST}"}],
        [{"C/image": "docker.io/ollama/ollama@sha256:abc"}, {"C/image": f"docker.io/ollama/ollama@{DIGEST.upper()}"}],
    ),
    "supply_chain-latest": (
        [{"C/image": f"docker.io/ollama/ollama@{DIGEST}"}, {"C/image": "docker.io/ollama/ollama:0.17.4"}],
        [{"C/image": "docker.io/ollama/ollama:latest"}, {"C/image": "localhost:5000/ollama"}],
    ),
    "supply_chain-registry": (
        [{"C/image": "registry.k8s.io/pause:3.10"}, {"C/image": "ollama/ollama:1"}],
        [
            {"C/image": "nginx:1"},
            {"C/image": "docker.io.evil.example/ollama/ollama:1"},
            {"C/image": "ghcr.io/echorator2/x:1"},
        ],
    ),
    "supply_chain-pull-policy": (
        [{"C/imagePullPolicy": "Always"}],
        [{"C/imagePullPolicy": "Never"}, {"C/imagePullPolicy": GONE}],
    ),
}

PODS: Rows = {
    "workload-host-namespaces": (
        [{"spec/hostNetwork": False, "spec/hostPID": False, "spec/hostIPC": False}],
        [{"spec/hostNetwork": True}, {"spec/hostPID": True}, {"spec/hostIPC": True}],
    ),
    "workload-host-path": (
        [_volume("persistentVolumeClaim", {"claimName": "c"})],
        [_volume("hostPath", {"path": "/var/run/docker.sock"})],
    ),
    "workload-volume-types": (
        [
            _volume(kind, {})
            for kind in ("configMap", "csi", "downwardAPI", "ephemeral", "image", "projected", "secret")
        ],
        [
            _volume(kind, {})
            for kind in ("nfs", "iscsi", "rbd", "gitRepo", "awsElasticBlockStore", "flexVolume", "cephfs", "fc")
        ],
    ),
    "workload-sysctls": (
        [{"spec/securityContext/sysctls": [{"name": "net.ipv4.tcp_rmem", "value": "1"}]}],
        [
            {"spec/securityContext/sysctls": [{"name": "net.ipv4.tcp_syncookies"}, {"name": "kernel.msgmax"}]},
            {"spec/securityContext/sysctls": [{"name": "net/core/somaxconn"}]},
        ],
    ),
    "workload-selinux": (
        [{"spec/securityContext/seLinuxOptions": {"type": "container_engine_t"}}],
        [{"spec/securityContext/seLinuxOptions": {"type": "unconfined_t"}}],
    ),
    "workload-apparmor": ([{}], [{"spec/securityContext/appArmorProfile": {"type": "Unconfined"}}]),
    "workload-seccomp-unconfined": ([{}], [{"spec/securityContext/seccompProfile": {"type": "Unconfined"}}]),
    "workload-host-process": ([{}], [{"spec/securityContext/windowsOptions": {"hostProcess": True}}]),
    "workload-run-as-non-root": (
        [{"spec/securityContext/runAsNonRoot": GONE, "spec/containers/0/securityContext/runAsNonRoot": True}],
        [
            {"spec/securityContext/runAsNonRoot": False},
            {"spec/securityContext/runAsNonRoot": GONE},
            {"spec/securityContext": GONE},
        ],
    ),
    "workload-run-as-root-user": (
        [{"spec/securityContext/runAsUser": 1}],
        [{"spec/securityContext/runAsUser": 0}, {"spec/securityContext/runAsUser": 0.0}],
    ),
    "workload-seccomp": (
        [
            {
                "spec/securityContext/seccompProfile": GONE,
                "spec/containers/0/securityContext/seccompProfile": {"type": "RuntimeDefault"},
            },
            {"spec/securityContext/seccompProfile": GONE, **_WINDOWS},
        ],
        [{"spec/securityContext/seccompProfile": GONE}],
    ),
    "workload-root-group": (
        [{"spec/securityContext/supplementalGroups": [5]}],
        [
            {"spec/securityContext/runAsGroup": 0},
            {"spec/securityContext/fsGroup": 0},
            {"spec/securityContext/supplementalGroups": [5, 0]},
            {"spec/securityContext/runAsGroup": GONE},
        ],
    ),
    "workload-run-as-user": ([{}], [{"spec/securityContext/runAsUser": GONE}]),
    "workload-volume-group": (
        [{"spec/securityContext/fsGroup": GONE}],
        [{"spec/securityContext/fsGroup": GONE, **_volume("persistentVolumeClaim", {"claimName": "c"})}],
    ),
    "workload-service-links": ([{}], [{"spec/enableServiceLinks": GONE}, {"spec/enableServiceLinks": True}]),
    "workload-shared-processes": ([{"spec/shareProcessNamespace": False}], [{"spec/shareProcessNamespace": True}]),
    "workload-temporary-volume-limit": ([{}], [_volume("emptyDir", {}), _volume("emptyDir", {"medium": "Memory"})]),
    "rbac-pod-token": (
        [{}],
        [{"spec/automountServiceAccountToken": GONE}, {"spec/automountServiceAccountToken": True}],
    ),
    "rbac-pod-account": (
        [{"spec/serviceAccountName": GONE, "spec/serviceAccount": "old"}],
        [{"spec/serviceAccountName": GONE}, {"spec/serviceAccountName": "default"}, {"spec/serviceAccountName": ""}],
    ),
    "encryption-default-class": (
        [_volume("ephemeral", {"volumeClaimTemplate": {"spec": {"storageClassName": "encrypted"}}})],
        [_volume("ephemeral", {"volumeClaimTemplate": {"spec": {}}})],
    ),
    "encryption-secret-in-metadata": (
        [{"metadata/annotations": {"checksum/config": "a" * 64}}],
        [{"metadata/annotations": {"vault-token": "hunter2hunter2"}}],
    ),
}

MAIN_ONLY: Rows = {
    "workload-requests": (
        [{}],
        [{"C/resources/requests": GONE}, {"C/resources/requests/cpu": GONE}, {"C/resources": GONE}],
    ),
    "workload-limits": ([{}], [{"C/resources/limits/memory": GONE}, {"C/resources/limits": {}}]),
    "workload-readiness-probe": ([{}], [{"C/readinessProbe": GONE}]),
    "workload-liveness-probe": ([{}], [{"C/livenessProbe": GONE}]),
}
"""Not asked of ephemeral containers; probes not of pods that end by themselves."""

LISTS = ("containers", "initContainers", "ephemeralContainers")


def with_container(place: str) -> dict[str, Any]:
    """A good template with a container in each list that `place` needs."""
    return TEMPLATE if place == "containers" else changed(TEMPLATE, {f"spec/{place}": [{**CONTAINER, "name": "main"}]})


def located(changes: Changes, place: str) -> Changes:
    """The same changes, at the first container of that list."""
    return {
        (f"spec/{place}/0{path[1:]}" if isinstance(path, str) and path.startswith("C/") else path): value
        for path, value in changes.items()
    }
