"""The stack configuration: what may be said in `Pulumi.<stack>.yaml`, and how it is read.

Everything is read, and every fault found, before the first resource is registered: a deploy that stops half way
because of a typo in its last key leaves a cluster that nobody asked for.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pulumi
from pulumi.runtime import config as runtime_config
from pydantic import Field, ValidationError

from components import cluster_contexts, fit_check
from components.model_lookup import looked_up
from components.settings.base import Section
from components.settings.checks import every
from components.settings.cluster import SHORT_NAME, ClusterSettings, ListedClusterSettings
from components.settings.cpu import CpuPoolSettings
from components.settings.echo import EchoSettings
from components.settings.faults import Fault, shape_faults
from components.settings.gpu import FitSettings, GpuPoolSettings
from components.settings.memory import MemorySettings
from components.settings.monitoring import MonitoringSettings
from components.settings.server import ServerSettings
from components.settings.store import ModelStoreSettings


class Settings(Section):
    """The whole configuration of a stack."""

    environment: Literal["dev", "prod"] = "dev"
    namespace: str = "echorator"
    """Prefix of namespaces and of names that are global in the cluster."""
    cluster: ClusterSettings = ClusterSettings()
    """The short form of a list of one."""
    clusters: Annotated[tuple[ListedClusterSettings, ...], Field(strict=False)] = ()
    model_store: ModelStoreSettings = ModelStoreSettings()
    memory: MemorySettings = MemorySettings()
    servers: Annotated[tuple[ServerSettings, ...], Field(strict=False)] = ()
    echo: EchoSettings = EchoSettings()
    """The service in front of the servers; on the primary cluster, for its servers and adopted ones."""
    monitoring: MonitoringSettings = MonitoringSettings()
    gpu_pools: Annotated[tuple[GpuPoolSettings, ...], Field(strict=False)] = ()
    cpu_pools: Annotated[tuple[CpuPoolSettings, ...], Field(strict=False)] = ()
    fit: FitSettings = FitSettings()
    """What is done where a model does not fit, or where nobody knows."""
    image_digests: dict[str, str] = Field(default_factory=dict[str, str])
    """Image name in `components.versions.PINNABLE` to the `sha256:<64 hex>` that is deployed."""

    @property
    def all_clusters(self) -> tuple[ListedClusterSettings, ...]:
        """Every cluster, whichever way it was given; the primary one first."""
        if self.clusters:
            return tuple(sorted(self.clusters, key=lambda one: one.role != "primary"))
        short = {name: getattr(self.cluster, name) for name in ClusterSettings.model_fields}
        return (ListedClusterSettings.model_construct(name=SHORT_NAME, role="primary", lost=False, **short),)

    @property
    def metrics_tls(self) -> bool:
        """Whether what is scraped tells by TLS."""
        wanted = self.monitoring.tls
        return self.monitoring.enabled and (self.environment == "prod" if wanted is None else wanted)

    def on_primary(self, server: ServerSettings) -> bool:
        """Whether a server that is made here runs on the primary cluster, where the echo service is."""
        return self.cluster_of(server).name == self.all_clusters[0].name

    def cluster_of(self, one: ServerSettings | GpuPoolSettings | CpuPoolSettings) -> ListedClusterSettings:
        """Where a server that is made here runs, or a pool's nodes are."""
        found = self.all_clusters
        return next((each for each in found if each.name == one.cluster), found[0])


PROJECT = "echorator"
"""What Pulumi.yaml calls the project, and what keys of the stack files begin with."""

_TEXTS = ("environment", "namespace")
"""Top-level keys that hold plain text; the others hold JSON."""


class SettingsError(pulumi.RunError):
    """Everything that is wrong with the configuration; Pulumi prints it without a traceback."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = sorted(set(faults))
        count = f"{len(self.faults)} fault" + ("" if len(self.faults) == 1 else "s")
        lines = "\n".join(f"  - {fault}" for fault in self.faults)
        super().__init__(f"The stack configuration has {count}; nothing was deployed:\n{lines}")


def raw_config(project: str) -> tuple[dict[str, str], frozenset[str]]:
    """Every configuration value of `project`, as Pulumi hands it over, and the keys that are secret.

    `pulumi.Config` answers only for keys one asks for, so an unknown key would never be seen; hence the raw map.

    Returns:
        Key without the project's prefix to JSON or plain text, and the keys among them that hold a secret.
    """
    # The language host passes the map in the environment; Automation API and tests set it in the process.
    found = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    secret = {*runtime_config.get_config_secret_keys_env(), *runtime_config._SECRET_KEYS.get()}  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    prefix = f"{project}:"
    return (
        {key.removeprefix(prefix): value for key, value in found.items() if key.startswith(prefix)},
        frozenset(key.removeprefix(prefix) for key in secret if key.startswith(prefix)),
    )


def parse(
    values: Mapping[str, str], secret: frozenset[str] = frozenset(), *, contexts: bool = False, ask: bool = False
) -> Settings:
    """Settings out of the raw configuration map.

    Args:
        values: key to the text Pulumi stores: plain for texts, JSON for lists and maps.
        secret: keys that were set with `--secret`; none of ours may be, and no message shows their content.
        contexts: also look whether the kubeconfig has each context that is named.
        ask: also ask the models' registries, where `fit.lookup` says so.

    Raises:
        SettingsError: with every fault there is.
    """
    faults = [
        Fault(
            key, "is set as a secret, but nothing here is one, and the plan shows it in clear. Set it without --secret"
        )
        for key in sorted(secret & values.keys())
    ]
    raw: dict[str, Any] = {}
    for key, text in values.items():
        if key not in secret:
            raw[key] = _decoded(key, text, faults)
    if contexts:
        faults += cluster_contexts.faults(raw)
    return validate(raw, faults, ask=ask)


def validate(raw: Mapping[str, Any], found: list[Fault] | None = None, *, ask: bool = False) -> Settings:
    """Settings out of plain data (what a stack file holds under `echorator:`).

    Args:
        raw: the data.
        found: faults that are known already.
        ask: whether the models' registries are asked, where `fit.lookup` says so. Without, no model is refused for
            being unknown there: a registry may know it.

    Raises:
        SettingsError: with every fault there is, `found` included.
    """
    faults = list(found or [])
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        faults += shape_faults(error, Settings)
    # Run on the raw data, and so also when a type is wrong elsewhere: one round shows everything.
    faults += every.faults(raw)
    if settings is not None:
        asked = ask and not faults
        settings = looked_up(settings) if asked else settings
        faults += fit_check.faults(settings, asked=asked)
    if settings is None or faults:
        raise SettingsError(faults)
    return settings


def load() -> Settings:
    """Settings of the stack that Pulumi is running now.

    Raises:
        SettingsError: with every fault there is.
    """
    project = pulumi.get_project()
    stray = sorted(raw_config(PROJECT)[0]) if project != PROJECT else []
    if stray:
        # Pulumi would pass over them, and a production file would be deployed as an empty one.
        raise SettingsError(
            [
                Fault(
                    f"{PROJECT}:{key}",
                    f"belongs to a project called `{PROJECT}`, but this one is `{project}`. Call it `{PROJECT}` in "
                    f"Pulumi.yaml, or begin the key with `{project}:`",
                )
                for key in stray
            ]
        )
    return parse(*raw_config(pulumi.get_project()), contexts=True, ask=True)


def _decoded(key: str, text: str, faults: list[Fault]) -> Any:  # noqa: ANN401
    field = {info.alias: info for info in Settings.model_fields.values()}.get(key)
    if field is None or key in _TEXTS:
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        kind = "a list" if key in ("clusters", "servers", "gpuPools", "cpuPools") else "a map"
        faults.append(
            Fault(key, f"must be {kind}, not the text `{text}`. Set single keys with `pulumi config set --path`")
        )
        return field.get_default()
