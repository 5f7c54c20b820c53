"""Remove from a server what is no longer wanted there, and only that."""

from __future__ import annotations

from collections.abc import Sequence

from ollama.client import OllamaClient
from ollama.errors import EnsureFailed, OllamaError
from ollama.ledger import Ledger, LedgerEntry
from ollama.look import find
from ollama.names import ModelName
from ollama.order import owners
from ollama.policy import PullPolicy, retry
from ollama.reserved import leftovers
from ollama.state import OnEvent, PullEvent, WantedModel, ignore


async def remove(client: OllamaClient, name: str, *, policy: PullPolicy | None = None) -> bool:
    """Remove a model; return False when it was not there. Blobs that other names use stay."""
    limits = policy if policy is not None else PullPolicy()
    parsed = ModelName.parse(name)
    tries = 0

    async def once() -> bool:
        nonlocal tries
        tries += 1
        # A second try that finds nothing comes after a first whose answer was lost: that one removed it.
        return await client.delete(parsed.full) or tries > 1

    # A run killed in the middle of a replacement leaves the copy that it kept, or the one that it made.
    for leftover in leftovers(parsed):
        await retry(limits, lambda leftover=leftover: client.delete(leftover.full), _say_nothing)
    return await retry(limits, once, _say_nothing)


def unwanted(wanted: Sequence[WantedModel], ledger: Ledger) -> list[LedgerEntry]:
    """Return the ledger's entries that no wanted name, alias or base needs, in the ledger's order."""
    keep = set(owners(wanted))
    for want in wanted:
        bases = [want.create.from_model] if want.create is not None and want.create.from_model is not None else []
        sources = [want.source] if want.source is not None and want.keep_source else []
        keep.update(ModelName.parse(text).key for text in (*bases, *sources))
    return [entry for entry in ledger.entries() if entry.key not in keep]


async def remove_unwanted(
    client: OllamaClient,
    wanted: Sequence[WantedModel],
    ledger: Ledger,
    *,
    on_event: OnEvent = ignore,
    policy: PullPolicy | None = None,
) -> list[str]:
    """Remove the names that we brought and nobody wants any more.

    A name that the ledger does not have is never touched, nor one that was on the server before us. What is to
    be retained is forgotten by the ledger and stays.

    Args:
        client: the server.
        wanted: all that is still wanted of it, already checked.
        ledger: what we brought.
        on_event: told each removal.
        policy: limits.

    Returns:
        The names that were removed, as they were wanted once.

    Raises:
        EnsureFailed: with every failure; the others are removed, and those that failed are still in the ledger.
    """
    limits = policy if policy is not None else PullPolicy()
    owned = owners(wanted)
    removed: list[str] = []
    failures: list[OllamaError] = []
    for entry in unwanted(wanted, ledger):
        try:
            if await _is_ours(client, entry, owned, limits) and await remove(client, entry.name, policy=limits):
                removed.append(entry.name)
                on_event(PullEvent(client.label, entry.name, "removed"))
            ledger.drop(entry.name)
        except OllamaError as error:
            failures.append(error.about(model=entry.name))
    if failures:
        raise EnsureFailed(failures)
    return removed


async def _is_ours(client: OllamaClient, entry: LedgerEntry, owned: dict[str, int], policy: PullPolicy) -> bool:
    # An alias that was taken off a model that stays wanted goes, though the model is to be retained.
    owner_stays = entry.alias_of is not None and ModelName.parse(entry.alias_of).key in owned
    if entry.origin == "found" or (entry.retain and not owner_stays):
        return False
    if entry.origin == "bringing" and entry.replaces is not None:
        have = find(await retry(policy, client.tags, _say_nothing), entry.key)
        return have is not None and have.sha256 != entry.replaces
    return True


def _say_nothing(message: str) -> None:
    """Take the reason of a wait that no display shows."""
    del message
