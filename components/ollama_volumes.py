"""Where a replica's models lie: on its own volume, or on one that a writer fills and all replicas read."""

from dataclasses import dataclass
from typing import Any, Literal

from components import workload
from components.ollama_environment import HOME
from components.settings.server import VolumeSettings

MODELS = f"{HOME}/models"

Role = Literal["replica", "reader", "writer"]
"""`replica` has its own volume; `reader` and `writer` share one."""


@dataclass(frozen=True)
class Layout:
    """What a pod mounts for its models."""

    mounts: list[dict[str, Any]]
    """Of Ollama's container."""
    agent_mounts: list[dict[str, Any]]
    volumes: list[dict[str, Any]]
    """Besides those that claim templates bring."""
    ledger: str
    """File in which the agent keeps what it brought: on the models' volume, since it is about them."""


def claim_name(server: str, volume: VolumeSettings) -> str:
    """Name of the claim that a `shared` server's pods mount."""
    return f"{server}-models" if volume.claim is None else volume.claim


def access_mode(volume: VolumeSettings) -> str:
    """Of the server's claims: many nodes only where a volume is shared."""
    if volume.access_mode is not None:
        return volume.access_mode
    return "ReadWriteMany" if volume.mode == "shared" else "ReadWriteOnce"


def layout(role: Role, claim: str) -> Layout:
    """Mounts and volumes of a pod.

    A volume of one's own has Ollama's whole home on it: the models and the key pair. A shared one has the models
    alone, at its root, and each pod makes its key pair in a temporary home: two servers that write one would mix up
    their halves.
    """
    if role == "replica":
        own = [{"name": workload.DATA, "mountPath": HOME}]
        return Layout(own, own, [], f"{HOME}/ledger.json")
    read_only = {"readOnly": True} if role == "reader" else {}
    models = {"name": workload.DATA, "mountPath": MODELS, **read_only}
    home = {"name": "home", "mountPath": HOME}
    volumes = [
        # Not `readOnly` here as well: the same volume is mounted for writing where the writer is on the same node.
        {"name": workload.DATA, "persistentVolumeClaim": {"claimName": claim}},
        {"name": "home", "emptyDir": {"sizeLimit": "64Mi"}},
    ]
    agent = [models] if role == "writer" else []
    return Layout([home, models], agent, volumes, f"{MODELS}/ledger.json")
