"""Whether a model fits: its memory when Ollama serves it, against what a class or a GPU pool has.

Pure: no Pulumi, no Kubernetes, no network. `docs/gpus.md` tells the formula and what it was measured against.
"""

from fit.facts import Facts, Serving
from fit.memory import Estimate, estimate
from fit.room import Room, Verdict, check, suggestions

__all__ = ["Estimate", "Facts", "Room", "Serving", "Verdict", "check", "estimate", "suggestions"]
