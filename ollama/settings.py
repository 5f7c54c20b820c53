"""What a created or preloaded model may be given, by Ollama 0.17.4 (api/types.go, fs/ggml/type.go)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

Value = bool | int | float | str | tuple[str, ...]

QUANTIZE = ("f16", "f32", "q4_K_M", "q4_K_S", "q8_0")
"""Quantizations that a server makes of 16 and 32 bit weights; case does not count. llama.cpp knows more."""

_WHOLE = (
    "main_gpu",
    "num_batch",
    "num_ctx",
    "num_gpu",
    "num_keep",
    "num_predict",
    "num_thread",
    "repeat_last_n",
    "seed",
    "top_k",
)
_NUMBER = (
    "frequency_penalty",
    "min_p",
    "presence_penalty",
    "repeat_penalty",
    "temperature",
    "top_p",
    "typical_p",
)
PARAMETERS = tuple(sorted((*_WHOLE, *_NUMBER, "stop", "use_mmap")))

_SECONDS = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_NUMBERS: re.Pattern[str] = re.compile(r"\d+\.?\d*|\.\d+")
_DURATION = re.compile(r"[-+]?((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+", re.ASCII)


def parameter_faults(parameters: Mapping[str, Value]) -> list[str]:
    """Return what is wrong with a recipe's parameters.

    Ollama takes any name and any type when it makes a model, logs the unknown ones when it loads it, and
    refuses every request for a model with a value of the wrong type.
    """
    faults: list[str] = []
    for name, value in parameters.items():
        if name not in PARAMETERS:
            faults.append(f"parameter `{name}` is not known; legal are {', '.join(PARAMETERS)}")
        elif name == "stop":
            if not isinstance(value, (str, tuple)):
                faults.append(f"parameter `stop` must be a text or a list of texts, not {value!r}")
        elif name == "use_mmap":
            if not isinstance(value, bool):
                faults.append(f"parameter `use_mmap` must be true or false, not {value!r}")
        elif isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            faults.append(f"parameter `{name}` must be a number, not {value!r}")
        elif name in _WHOLE and value != int(value):
            faults.append(f"parameter `{name}` must be a whole number, not {value!r}")
    return faults


def wire_parameters(parameters: Mapping[str, Value]) -> dict[str, object]:
    """Return the parameters as `POST /api/create` takes them: one `stop` is a list too."""
    wire: dict[str, object] = {}
    for name, value in parameters.items():
        if name == "stop":
            wire[name] = [value] if isinstance(value, str) else list(value) if isinstance(value, tuple) else value
        else:
            wire[name] = value
    return wire


def keep_alive_fault(text: str) -> str | None:
    """Return what is wrong with a `keep_alive`, or None."""
    if _SECONDS.fullmatch(text) or _DURATION.fullmatch(text):
        return None
    return f"keep_alive `{text}` is no time: write seconds, a duration such as `30m` or `24h`, or `-1` for ever"


def wire_keep_alive(text: str) -> str | float:
    """Return a `keep_alive` as the API takes it: Ollama refuses `"-1"` as a text, and takes -1 as a number."""
    return float(text) if _SECONDS.fullmatch(text) else text


def unloads_at_once(keep_alive: str) -> bool:
    """Return whether a model with this `keep_alive` leaves the memory as soon as it was loaded."""
    return all(float(number) == 0 for number in _NUMBERS.findall(keep_alive))
