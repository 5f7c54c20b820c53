"""Every container image the program deploys, pinned in one place.

Nothing here imports Pulumi: the toolchain reads this module to know what it has to build.
"""

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).resolve().parent.parent
"""The checkout: the folder that holds Pulumi.yaml, `ollama/` and `model_store/`."""

RUNTIME_PACKAGES = ("model_store", "ollama", "replica_agent", "responder")
"""Of ours, in the image of the model store, the agents and the responder."""

ECHO_PACKAGES = ("echo", "ollama", "replica_agent")
"""Of ours, in the image of the echo service."""

_SHIPPED = ("*.py", "*.sql")
"""Of each package: modules, and the steps of the memory's schema."""


VIEW = "view"
"""Folder of the live view, which is in the image of the echo service too."""

_VIEW_FILES = ("index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts")


@dataclass(frozen=True)
class Image:
    """One image: a repository with its registry, and a tag that never moves."""

    repository: str
    tag: str

    def reference(self, digest: str | None = None) -> str:
        """`repository:tag`, followed by `@sha256:<hex>` where a digest is pinned."""
        tagged = f"{self.repository}:{self.tag}"
        return tagged if digest is None else f"{tagged}@{digest}"


def runtime_sources(root: Path = ROOT, packages: Sequence[str] = RUNTIME_PACKAGES) -> list[Path]:
    """The files that go into an image of ours, in a fixed order.

    Returns:
        Absolute paths: every module and step of the packages, then `uv.lock`.
    """
    modules = [path for package in packages for kind in _SHIPPED for path in (root / package).rglob(kind)]
    return [*sorted(modules, key=lambda path: path.relative_to(root).as_posix()), root / "uv.lock"]


def view_sources(root: Path = ROOT) -> list[Path]:
    """The files that the live view is built from, in a fixed order; nothing where the checkout has none."""
    folder = root / VIEW
    files = [*(folder / name for name in _VIEW_FILES), *(folder / "src").rglob("*")]
    return sorted((path for path in files if path.is_file()), key=lambda path: path.relative_to(root).as_posix())


def runtime_tag(root: Path = ROOT, packages: Sequence[str] = RUNTIME_PACKAGES, *, more: Sequence[Path] = ()) -> str:
    """`<project version>-<12 hex digits>` of an image of ours that is built from the checkout `root`.

    The digits hash the path and content of each of `runtime_sources` and of `more`, so a change of code is a change
    of tag and the pods roll. A tag that stays while its content moves would leave old code running on nodes that
    cached it.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    files = [*runtime_sources(root, packages), *more]
    return f"{project['version']}-{_digest(root, files)[:12]}"


def schema_tag(root: Path = ROOT) -> str:
    """10 hex digits of the memory's migrations: the steps, and what runs them."""
    return _digest(root, [path for path in runtime_sources(root, ("echo/migrations",)) if path.suffix != ".lock"])[:10]


def _digest(root: Path, files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


RUNTIME_TAG = runtime_tag()

ECHO_TAG = runtime_tag(packages=ECHO_PACKAGES, more=view_sources())

OLLAMA_VERSION = "0.17.4"

CLOUDNATIVE_PG_VERSION = "1.27.0"
CLOUDNATIVE_PG_MANIFEST = "7be449085a4c5941ff05d2c4aca47d4f1c4c87698181fe2c19c47a9f6a43b268"
"""sha256 of the release's `releases/cnpg-<version>.yaml`, in hex."""

IMAGES: Mapping[str, Image] = MappingProxyType(
    {
        # renovate: datasource=docker depName=docker.io/ollama/ollama
        "ollama": Image("docker.io/ollama/ollama", OLLAMA_VERSION),
        "runtime": Image("ghcr.io/echorator/runtime", RUNTIME_TAG),
        "echo": Image("ghcr.io/echorator/echo", ECHO_TAG),
    }
)
"""What the program's own pods run."""

MEMORY_IMAGES: Mapping[str, Image] = MappingProxyType(
    {
        # renovate: datasource=docker depName=ghcr.io/cloudnative-pg/cloudnative-pg
        "operator": Image("ghcr.io/cloudnative-pg/cloudnative-pg", CLOUDNATIVE_PG_VERSION),
        # Of the tags' kinds `system` has pgvector and the programs that archive to S3.
        # renovate: datasource=docker depName=ghcr.io/cloudnative-pg/postgresql
        "postgres": Image("ghcr.io/cloudnative-pg/postgresql", "18.1-system-bookworm"),
        # renovate: datasource=docker depName=docker.io/library/redis
        "redis": Image("docker.io/library/redis", "7.0.15"),
        # renovate: datasource=docker depName=docker.io/rclone/rclone
        "rclone": Image("docker.io/rclone/rclone", "1.73.5"),
    }
)
"""What the memory store runs."""

PROMETHEUS_OPERATOR_VERSION = "0.85.0"

MONITORING_IMAGES: Mapping[str, Image] = MappingProxyType(
    {
        # renovate: datasource=docker depName=quay.io/prometheus-operator/prometheus-operator
        "prometheus-operator": Image(
            "quay.io/prometheus-operator/prometheus-operator", f"v{PROMETHEUS_OPERATOR_VERSION}"
        ),
        "prometheus-config-reloader": Image(
            "quay.io/prometheus-operator/prometheus-config-reloader", f"v{PROMETHEUS_OPERATOR_VERSION}"
        ),
        # renovate: datasource=docker depName=quay.io/prometheus/prometheus
        "prometheus": Image("quay.io/prometheus/prometheus", "v3.5.0"),
        # renovate: datasource=docker depName=quay.io/prometheus/alertmanager
        "alertmanager": Image("quay.io/prometheus/alertmanager", "v0.28.1"),
        # renovate: datasource=docker depName=quay.io/prometheus/node-exporter
        "node-exporter": Image("quay.io/prometheus/node-exporter", "v1.9.1"),
        # renovate: datasource=docker depName=quay.io/prometheus/blackbox-exporter
        "blackbox-exporter": Image("quay.io/prometheus/blackbox-exporter", "v0.27.0"),
        # renovate: datasource=docker depName=registry.k8s.io/kube-state-metrics/kube-state-metrics
        "kube-state-metrics": Image("registry.k8s.io/kube-state-metrics/kube-state-metrics", "v2.15.0"),
    }
)
"""What the monitoring stack runs."""

ADDON_IMAGES: Mapping[str, Image] = MappingProxyType(
    {
        # renovate: datasource=docker depName=nvcr.io/nvidia/k8s-device-plugin
        "nvidia-device-plugin": Image("nvcr.io/nvidia/k8s-device-plugin", "v0.17.1"),
        # renovate: datasource=docker depName=docker.io/rocm/k8s-device-plugin
        "amd-device-plugin": Image("docker.io/rocm/k8s-device-plugin", "1.31.0.10"),
        # renovate: datasource=docker depName=docker.io/intel/intel-gpu-plugin
        "intel-device-plugin": Image("docker.io/intel/intel-gpu-plugin", "0.34.0"),
        # The distribution for Kubernetes: receivers of logs and of the API server's objects.
        # renovate: datasource=docker depName=docker.io/otel/opentelemetry-collector-k8s
        "collector": Image("docker.io/otel/opentelemetry-collector-k8s", "0.140.1"),
        # renovate: datasource=docker depName=docker.io/jaegertracing/jaeger
        "jaeger": Image("docker.io/jaegertracing/jaeger", "2.13.0"),
        # renovate: datasource=docker depName=docker.io/grafana/grafana
        "grafana": Image("docker.io/grafana/grafana", "12.4.0"),
        # renovate: datasource=docker depName=nvcr.io/nvidia/k8s/dcgm-exporter
        "dcgm-exporter": Image("nvcr.io/nvidia/k8s/dcgm-exporter", "4.6.1-4.8.4-distroless"),
    }
)
"""What pods beside ours run, where the settings ask for them; of it the local registry has the collector and Jaeger."""

PINNABLE: Mapping[str, Image] = MappingProxyType({**IMAGES, **MEMORY_IMAGES, **MONITORING_IMAGES, **ADDON_IMAGES})
"""Names that the setting `imageDigests` knows."""

CLUSTER_IMAGES: Mapping[str, Image] = MappingProxyType(
    {
        "pause": Image("registry.k8s.io/pause", "3.10"),
        "busybox": Image("docker.io/library/busybox", "1.35"),
        "coredns": Image("registry.k8s.io/coredns/coredns", "v1.15.0"),
        "local-path-provisioner": Image("docker.io/rancher/local-path-provisioner", "v0.0.30"),
    }
)
"""What a local cluster needs besides; a cluster that is adopted brings its own."""


def image(name: str, digests: Mapping[str, str] | None = None) -> str:
    """The reference of one of `PINNABLE`, with the digest that the stack pins for it, if it pins one.

    Args:
        name: a key of `PINNABLE`.
        digests: image name to `sha256:<64 hex>`, from the setting `imageDigests`.
    """
    return PINNABLE[name].reference((digests or {}).get(name))
