"""The config file: JSON, read once at start, every fault reported together."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError

from ollama import PullPolicy
from replica_agent.fields import AbsolutePath, ConfigError, Listen, Strict, faults_of, matches, web_url
from replica_agent.metrics_tls import MetricsTls

__all__ = ["AgentConfig", "ApiConfig", "ConfigError", "Pod", "PolicyConfig", "load", "parse", "pod_of"]

_OBJECT = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_KEY = re.compile(r"[A-Za-z0-9._-]{1,253}")


class ApiConfig(Strict):
    """Where the wanted list is, in the Kubernetes API.

    Attributes:
        config_map: Name of the ConfigMap, in the pod's own namespace.
        key: Its key that holds the list.
        url: Of the API server; None takes the pod's own cluster from its environment.
        account: Folder with `token` and `ca.crt` of the service account.
    """

    config_map: Annotated[str, AfterValidator(matches(_OBJECT, "an object's name (a-z, 0-9, '-', '.')"))]
    key: Annotated[str, AfterValidator(matches(_KEY, "a ConfigMap's key (letters, digits, '-', '_', '.')"))]
    url: Annotated[str | None, AfterValidator(lambda v: v if v is None else web_url(("https", "http"))(v))] = None
    account: AbsolutePath = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class PolicyConfig(Strict):
    """Limits of bringing one model; seconds.

    Attributes:
        no_progress_s: A pull whose bytes do not grow for so long is cancelled and begun again.
        deadline_s: One model may take so long in one go; it is tried again after it.
    """

    no_progress_s: float = Field(default=60, gt=0, alias="noProgressS")
    deadline_s: float = Field(default=3600, gt=0, alias="deadlineS")


class AgentConfig(Strict):
    """Everything the agent is told.

    Attributes:
        server: Name of the Ollama server that this replica belongs to.
        ollama_url: Base URL of this pod's Ollama, which nobody else can reach.
        gate_listen: Address and port for clients; port 0 takes a free one and logs it.
        agent_listen: Address and port for probes, metrics and the report.
        wanted_file: The list as a file, used until the API server has given it.
        ledger_file: What this agent has brought, on the same volume as the models.
        models_folder: OLLAMA_MODELS, where the agent's container mounts it: what a broken pull left there is hashed
            before it is taken for good. None leaves that to Ollama, which does not.
        api: None: the file alone is watched.
        look_seconds: How often what is there is compared with the list.
        drain_settle_seconds: How long new requests are still taken after a drain began: endpoints need as long to
            hear that this replica leaves.
        drain_limit_seconds: How long a drain waits for requests that run; below the pod's grace period.
        clients_may_manage_models: Let pull, push, create, copy, delete and blobs through the gate.
        read_only: The models' volume is shared and another pod writes it: look and gate only.
        max_request_bytes: Largest body of a request through the gate.
        policy: Limits of bringing one model.
        metrics_tls: Tell metrics by TLS, on a port of their own, and not on that of the probes. None: there, plain.
    """

    server: str = Field(min_length=1)
    ollama_url: Annotated[str, AfterValidator(web_url(("http",)))] = "http://127.0.0.1:11435"
    gate_listen: Listen = "0.0.0.0:11434"
    agent_listen: Listen = "0.0.0.0:11436"
    wanted_file: AbsolutePath
    ledger_file: AbsolutePath
    models_folder: AbsolutePath | None = None
    api: ApiConfig | None = None
    look_seconds: float = Field(default=60, gt=0)
    drain_settle_seconds: float = Field(default=5, ge=0)
    drain_limit_seconds: float = Field(default=290, ge=0)
    clients_may_manage_models: bool = False
    read_only: bool = False
    max_request_bytes: int = Field(default=100 << 20, gt=0)
    policy: PolicyConfig = PolicyConfig()
    metrics_tls: MetricsTls | None = None

    def pull_policy(self) -> PullPolicy:
        """The limits as `ollama` has them.

        Few attempts at a time: a model that does not come is put behind the others and tried again after them.
        """
        return PullPolicy(no_progress_s=self.policy.no_progress_s, deadline_s=self.policy.deadline_s, attempts=3)


@dataclass(frozen=True)
class Pod:
    """The pod that the agent runs in; `uid` is empty where the manifest does not hand it on."""

    namespace: str
    name: str
    uid: str = ""


def pod_of(environment: Mapping[str, str] = os.environ) -> Pod:
    """Read POD_NAMESPACE, POD_NAME and POD_UID (downward API).

    Raises:
        ConfigError: One of the first two is missing.
    """
    missing = [name for name in ("POD_NAMESPACE", "POD_NAME") if not environment.get(name)]
    if missing:
        raise ConfigError(f"the environment lacks {' and '.join(missing)}; set them by the downward API (fieldRef)")
    return Pod(environment["POD_NAMESPACE"], environment["POD_NAME"], environment.get("POD_UID", ""))


def parse(text: str, source: str) -> AgentConfig:
    """Read a config document.

    Args:
        text: JSON.
        source: Its name in the error.

    Raises:
        ConfigError: With every fault, one a line.
    """
    try:
        return AgentConfig.model_validate_json(text)
    except ValidationError as error:
        raise ConfigError(faults_of(error, source)) from error


def load(path: Path) -> AgentConfig:
    """Read the config file.

    Raises:
        ConfigError: It cannot be read or has faults.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    return parse(text, str(path))
