"""Give a model its further names, and mend those that have come to mean another one."""

from __future__ import annotations

from contextlib import suppress

from ollama.errors import OllamaError
from ollama.ledger import Ledger, Tracker
from ollama.look import find
from ollama.names import ModelName
from ollama.reserved import previous_name
from ollama.state import ModelState, WantedModel
from ollama.steps import Steps

_LOOKS = 3
"""Before it is written again: the server writes a name in place, and two runs that each take the other's half-written
one for a wrong one, and write it anew, never end."""


async def ensure_aliases(steps: Steps, want: WantedModel, state: ModelState, ledger: Ledger) -> None:
    """Have every alias of a model that is as wanted hold the model's manifest.

    Raises:
        OllamaError: one cannot be made so.
    """
    for alias in want.aliases:
        track = Tracker(ledger, alias, alias_of=want.name, retain=want.retain)
        await steps.until_it_stays(lambda alias=alias, track=track: _once(steps, want, state, alias, track))
        track.done(state.digest)


async def _once(steps: Steps, want: WantedModel, state: ModelState, alias: str, track: Tracker) -> None:
    name, owner = ModelName.parse(alias), ModelName.parse(want.name)
    previous = previous_name(name)
    listing = await steps.tags()
    have = find(listing, name.key)
    if have is not None and have.sha256 == state.digest:
        if find(listing, previous.key) is not None:
            await steps.delete(previous)
        return
    track.begin(have.sha256 if have is not None else None)
    steps.tell("copying", state.size_bytes, state.size_bytes, f"alias {alias}")
    # A copy over a name leaves the old layers on the disk; removing a second name of them takes them along.
    if have is not None:
        await steps.copy(name, previous)
    if not await steps.copy(owner, name):
        raise steps.vanished(f"the model is gone before `{alias}` could be made its alias")
    if have is not None:
        with suppress(OllamaError):
            await steps.delete(previous)
    for look in range(1, _LOOKS + 1):
        got = find(await steps.tags(), name.key)
        if got is not None and got.sha256 == state.digest:
            return
        await steps.policy.pause(look)
    raise steps.vanished(f"the alias `{alias}` was changed by somebody else right after it was made")
