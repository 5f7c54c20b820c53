"""The room that a class or a pool gives, whether a model fits it, and what would fit instead."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fit.facts import Facts, Serving
from fit.library import Weights, smaller
from fit.memory import GIB, MIB, Estimate, estimate


@dataclass(frozen=True, kw_only=True)
class Room:
    """What one replica may use, in bytes.

    Attributes:
        memory: the memory limit of its container.
        gpus: GPUs that it gets, whole or in parts.
        gpu_memory: of each of them; None where nothing says which card it is.
        gpu_overhead: of each of them that Ollama is told to leave alone.
    """

    memory: int
    gpus: int = 0
    gpu_memory: int | None = None
    gpu_overhead: int = 0


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether it fits, in numbers.

    Attributes:
        fits: None where the GPUs' memory is not known.
        place: what is short, or what was looked at: `memory`, `GPU memory`.
        need: bytes of it.
        there: bytes of it; None where it is not known.
        estimate: the parts.
    """

    fits: bool | None
    place: str
    need: int
    there: int | None
    estimate: Estimate

    def __str__(self) -> str:
        parts = self.estimate
        what = f"{size(parts.weights)} of weights, {size(parts.cache)} of cache, {size(parts.graph)} to compute"
        there = "not known" if self.there is None else size(self.there)
        return f"needs {size(self.need)} of {self.place} ({what}), and {there} is there"


def check(facts: Facts, serving: Serving, room: Room) -> Verdict:
    """Whether one model fits alone.

    On GPUs all of it has to be there: Ollama would leave what does not fit to the CPU, and answer at its speed.
    """
    found = estimate(facts, serving)
    if not room.gpus:
        return _verdict("memory", found.on_cpu, room.memory, found)
    host = _verdict("memory", found.host, room.memory, found)
    if not host.fits:
        return host
    # Ollama spreads a model over as few GPUs as will do.
    used = range(1, room.gpus + 1)
    if room.gpu_memory is None:
        return Verdict(fits=None, place="GPU memory", need=found.on_gpus(1), there=None, estimate=found)
    free = room.gpu_memory - room.gpu_overhead
    for count in used:
        if found.on_gpus(count) <= count * free:
            return _verdict("GPU memory", found.on_gpus(count), room.gpus * free, found)
    return _verdict("GPU memory", found.on_gpus(room.gpus), room.gpus * free, found)


def _verdict(place: str, need: int, there: int, found: Estimate) -> Verdict:
    return Verdict(fits=need <= there, place=place, need=need, there=there, estimate=found)


def suggestions(
    facts: Facts, serving: Serving, room: Room, *, rooms: Mapping[str, Room], weights: Weights | None = None
) -> list[str]:
    """What would fit, nearest first: another class, a smaller quantization, a smaller cache, less context.

    Args:
        facts: of a model that does not fit.
        serving: how it was to be served.
        room: that it does not fit.
        rooms: other classes or pools by name, smallest first.
        weights: the model's parameters, where a smaller quantization can be computed from them.
    """
    found: list[str] = []
    larger = next((name for name, one in rooms.items() if check(facts, serving, one).fits), None)
    if larger is not None:
        found.append(f"{larger}")
    for quantization, size_bytes in smaller(weights, facts.weights):
        if check(replace(facts, weights=size_bytes), serving, room).fits:
            found.append(f"the quantization {quantization} ({size(size_bytes)})")
            break
    for kind in ("q8_0", "q4_0"):
        squeezed = replace(serving, cache_type=kind, flash=True)
        if (serving.cache_type, serving.flash) != (kind, True) and check(facts, squeezed, room).fits:
            found.append(f"`ollama.kvCacheType: {kind}` with `flashAttention: true`")
            break
    shorter = longest_context(facts, serving, room)
    if shorter is not None and shorter < min(serving.context, facts.context):
        found.append(f"`ollama.contextLength: {shorter}`")
    return found


_LEAST_CONTEXT = 512


def longest_context(facts: Facts, serving: Serving, room: Room) -> int | None:
    """The longest context that fits, in steps of 256 tokens; None where not even 512 do."""

    def fits(steps: int) -> bool:
        return bool(check(facts, replace(serving, context=steps * 256), room).fits)

    low, high = _LEAST_CONTEXT // 256, max(_LEAST_CONTEXT, min(serving.context, facts.context)) // 256
    if not fits(low):
        return None
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low * 256


def size(count: int) -> str:
    """Bytes as people read them: `4.6 GiB`, `310 MiB`."""
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{-(-count // MIB)} MiB"
