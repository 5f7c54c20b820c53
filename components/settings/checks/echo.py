"""Checks of the echo service: the service's own config model is asked, and what it cannot know is looked at here."""

from collections.abc import Iterator
from typing import cast
from urllib.parse import urlsplit

from components.quantity import parse_bytes, parse_cpu
from components.settings.faults import Fault
from components.settings.grammar import name_faults, quantity_faults
from components.settings.raw import Check, Raw, mapping, maps, production, twice
from echo.auth.keys import parse_public_key
from echo.names import SPACE_NAME

_LEAST = 1
_WIDEST = 4000
_LAST_PORT = 65535
_MOST_MESSAGES = 1_000
_MOST_DAYS = 36_500


def _service(raw: Raw) -> Iterator[Fault]:
    echo = mapping(raw.get("echo"))
    yield from _whole("echo.replicas", echo.get("replicas"))
    yield from _whole("echo.maxRequestMib", echo.get("maxRequestMib"))
    if echo.get("anonymous") is True and production(raw):
        yield Fault("echo.anonymous", "is true, and the stack is for prod: whoever reaches it could ask. Leave it out")
    for part in ("requests", "limits"):
        compute = mapping(mapping(echo.get("resources")).get(part))
        path = f"echo.resources.{part}"
        yield from quantity_faults(f"{path}.cpu", compute.get("cpu"), parse_cpu)
        yield from quantity_faults(f"{path}.memory", compute.get("memory"), parse_bytes)


def _keys(raw: Raw) -> Iterator[Fault]:
    keys = list(maps(mapping(raw.get("echo")).get("keys"), "echo.keys"))
    for path, key in keys:
        yield from name_faults(f"{path}.name", key.get("name"))
        if key.get("roles") in ([], ()):
            yield Fault(f"{path}.roles", "is empty. Legal values: `user`, `operator`; leave it out for `user`")
        public = key.get("publicKey")
        if isinstance(public, str):
            try:
                parse_public_key(public)
            except ValueError as error:
                yield Fault(f"{path}.publicKey", str(error))
        yield from _positive(f"{path}.requestsPerMinute", key.get("requestsPerMinute"))
        yield from _whole(f"{path}.concurrent", key.get("concurrent"))
        yield from _spaces(path, key)
    yield from twice(
        ((f"{path}.name", name) for path, key in keys if isinstance(name := key.get("name"), str)),
        lambda name, first: f"`{name}` is the name of {first} too. Give each key a name of its own",
    )


def _spaces(path: str, key: Raw) -> Iterator[Fault]:
    given = key.get("spaces")
    spaces = [one for one in cast("list[object]", given) if isinstance(one, str)] if isinstance(given, list) else []
    for i, one in enumerate(spaces):
        if SPACE_NAME.fullmatch(one) is None:
            legal = "1 to 63 of a-z, 0-9, `.`, `_` and `-`, with a letter or digit at both ends"
            yield Fault(f"{path}.spaces[{i}]", f"`{one}` is no name of a memory space: {legal}")
    space = key.get("space")
    if isinstance(space, str) and space not in spaces:
        yield Fault(f"{path}.space", f"`{space}` is not among `spaces` of this key. Add it there, or leave it out")


def _memory(raw: Raw) -> Iterator[Fault]:
    memory = mapping(mapping(raw.get("echo")).get("memory"))
    if "urlSecret" in memory:
        yield from name_faults("echo.memory.urlSecret", memory.get("urlSecret"))
    embedder = mapping(memory.get("embedder"))
    if embedder.get("model") == "":
        yield Fault("echo.memory.embedder.model", "is empty; name an embedding model, such as `all-minilm:22m`")
    width = embedder.get("width")
    if isinstance(width, int) and not isinstance(width, bool) and not _LEAST <= width <= _WIDEST:
        yield Fault("echo.memory.embedder.width", f"must be from {_LEAST} to {_WIDEST}, not {width}")
    history = mapping(memory.get("history"))
    for key, most in (("messages", _MOST_MESSAGES), ("characters", float("inf"))):
        value = history.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and not 0 <= value <= most:
            yield Fault(f"echo.memory.history.{key}", f"must be from 0 to {most:g}, not {value}")
    yield from _states(mapping(memory.get("states")))
    port = memory.get("port")
    if isinstance(port, int) and not isinstance(port, bool) and not 0 < port <= _LAST_PORT:
        yield Fault("echo.memory.port", f"must be from 1 to {_LAST_PORT}, not {port}")


def _states(states: Raw) -> Iterator[Fault]:
    least, where = 0.0, "0"
    for key, unsaid in (("wholeDays", 7.0), ("hourlyDays", 90.0), ("dailyDays", None)):
        value = states.get(key, unsaid)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if not least <= value <= _MOST_DAYS:
            yield Fault(f"echo.memory.states.{key}", f"must be from {where} to {_MOST_DAYS}, not {value:g}")
            return
        least, where = float(value), f"`{key}` ({value:g})"


def _oidc(raw: Raw) -> Iterator[Fault]:
    oidc = mapping(mapping(raw.get("echo")).get("oidc"))
    url = oidc.get("jwksUrl")
    if isinstance(url, str) and (urlsplit(url).scheme != "https" or not urlsplit(url).hostname or "@" in url):
        yield Fault("echo.oidc.jwksUrl", f"`{url}` must be an https URL: who can change those keys can be anybody")
    for key in ("issuer", "audience", "rolesClaim", "spacesClaim", "ownSpaceClaim"):
        if oidc.get(key) == "":
            yield Fault(f"echo.oidc.{key}", "is empty")
    if oidc.get("spaceByDefault") is True and oidc.get("ownSpaceClaim") is None:
        yield Fault("echo.oidc.spaceByDefault", "needs `ownSpaceClaim`, such as `sub`: that is the space it means")


def _traces(raw: Raw) -> Iterator[Fault]:
    traces = mapping(mapping(raw.get("echo")).get("traces"))
    url, share = traces.get("endpoint"), traces.get("share")
    if isinstance(url, str):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in url or parts.query:
            yield Fault("echo.traces.endpoint", f"`{url}` must be http:// or https://, a host and a path, and no more")
    if isinstance(share, int | float) and not isinstance(share, bool) and not 0 <= share <= 1:
        yield Fault("echo.traces.share", f"must be from 0 to 1, not {share:g}")


def _limits(raw: Raw) -> Iterator[Fault]:
    echo = mapping(raw.get("echo"))
    rates, queue = mapping(echo.get("rates")), mapping(echo.get("queue"))
    yield from _positive("echo.rates.requestsPerMinute", rates.get("requestsPerMinute"))
    yield from _whole("echo.rates.burst", rates.get("burst"))
    yield from _whole("echo.rates.concurrent", rates.get("concurrent"))
    yield from _positive("echo.queue.waitSeconds", queue.get("waitSeconds"))
    size = queue.get("size")
    if isinstance(size, int) and size < 0:
        yield Fault("echo.queue.size", f"must be 0 or more, not {size}")


def _whole(path: str, value: object) -> Iterator[Fault]:
    if isinstance(value, int) and not isinstance(value, bool) and value < _LEAST:
        yield Fault(path, f"must be 1 or more, not {value}")


def _positive(path: str, value: object) -> Iterator[Fault]:
    if isinstance(value, int | float) and not isinstance(value, bool) and not 0 < value < float("inf"):
        yield Fault(path, f"must be more than 0, not {value}")


CHECKS: tuple[Check, ...] = (_service, _keys, _memory, _oidc, _limits, _traces)
