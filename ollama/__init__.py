"""Models on Ollama servers: names, errors, a client, and the work of making wanted models present.

Asynchronous, on httpx; knows nothing of Kubernetes or Pulumi.
"""

from ollama.check import check_wanted
from ollama.client import OllamaClient
from ollama.ensure import ensure, observe
from ollama.errors import (
    ConfigurationError,
    DamagedModelError,
    EnsureFailed,
    OllamaError,
    ResourceError,
    SystemFault,
    TransientError,
)
from ollama.fleet import ensure_all
from ollama.ledger import FileLedger, Ledger, LedgerEntry, MemoryLedger
from ollama.names import ModelName, parse_digest
from ollama.policy import PullPolicy
from ollama.preflight import MINIMUM_VERSION, preflight
from ollama.preload import Preloader, preload
from ollama.proof import BlobFolder
from ollama.removal import remove, remove_unwanted, unwanted
from ollama.state import Action, ModelState, OnEvent, Phase, PullEvent, WantedModel, wanted_of
from ollama.wire import ListedModel, ModelInfo, PullProgress, RunningModel

__all__ = [
    "MINIMUM_VERSION",
    "Action",
    "BlobFolder",
    "ConfigurationError",
    "DamagedModelError",
    "EnsureFailed",
    "FileLedger",
    "Ledger",
    "LedgerEntry",
    "ListedModel",
    "MemoryLedger",
    "ModelInfo",
    "ModelName",
    "ModelState",
    "OllamaClient",
    "OllamaError",
    "OnEvent",
    "Phase",
    "Preloader",
    "PullEvent",
    "PullPolicy",
    "PullProgress",
    "ResourceError",
    "RunningModel",
    "SystemFault",
    "TransientError",
    "WantedModel",
    "check_wanted",
    "ensure",
    "ensure_all",
    "observe",
    "parse_digest",
    "preflight",
    "preload",
    "remove",
    "remove_unwanted",
    "unwanted",
    "wanted_of",
]
