"""Checks of a server's models: names, sources, digests, what is done with them. How one is made: `..._create`."""

from collections.abc import Iterator

from components.durations import parse_duration
from components.settings.faults import Fault
from components.settings.grammar import digest_faults, duration_faults
from components.settings.raw import Check, Raw, ServerCheck, maps, production, servers, texts, twice
from ollama.errors import ConfigurationError
from ollama.names import ModelName
from ollama.reserved import is_reserved


def model_key(text: object) -> str | None:
    """What all names of one model have in common; None where `text` is no model's name."""
    if not isinstance(text, str):
        return None
    try:
        return ModelName.parse(text).key
    except ConfigurationError:
        return None


def _name_faults(path: str, text: object) -> Iterator[Fault]:
    if not isinstance(text, str):
        return
    try:
        found = ModelName.parse(text)
    except ConfigurationError as error:
        yield Fault(path, f"{error.message}. Fix: {error.hint}")
        return
    if found.remote:
        yield Fault(path, f"`{text}` would run on Ollama's own service, not here. Choose a tag without `cloud`")
    if is_reserved(found):
        yield Fault(path, f"names in `{found.namespace}/` are for work in progress. Choose another")


def _names(path: str, server: Raw) -> Iterator[Fault]:
    named: list[tuple[str, str]] = []
    for place, model in maps(server.get("models"), f"{path}.models"):
        own = [(f"{place}.name", model.get("name")), *texts(model.get("aliases"), f"{place}.aliases")]
        for where, text in (*own, (f"{place}.source", model.get("source"))):
            yield from _name_faults(where, text)
        named += [(where, key) for where, text in own if (key := model_key(text)) is not None]
    yield from twice(
        named,
        lambda full, first: f"is `{full}`, which {first} is too. Each model of a server must be named once",
    )


def _details(path: str, server: Raw) -> Iterator[Fault]:
    for place, model in maps(server.get("models"), f"{path}.models"):
        yield from digest_faults(f"{place}.digest", model.get("digest"))
        keep_alive = model.get("keepAlive")
        yield from duration_faults(f"{place}.keepAlive", keep_alive)
        if isinstance(keep_alive, str) and _no_time(keep_alive):
            yield Fault(
                f"{place}.keepAlive",
                f"`{keep_alive}` unloads the model at once. Give a longer time, `-1` for ever, or leave it out",
            )
        if keep_alive is not None and model.get("preload") is not True:
            yield Fault(
                f"{place}.keepAlive",
                "has an effect only on a model that is preloaded. Set `preload: true`, or `ollama.keepAlive` of the "
                "server for all its models",
            )


def _no_time(text: str) -> bool:
    try:
        return parse_duration(text) == 0
    except ValueError:
        return False


def _production(raw: Raw) -> Iterator[Fault]:
    """A model that is made here has a digest that depends on the recipe, so pinning what it is made from is enough."""
    if not production(raw):
        return
    for server_path, server in servers(raw):
        for path, model in maps(server.get("models"), f"{server_path}.models"):
            if model.get("digest") is None and model.get("create") is None:
                yield Fault(
                    f"{path}.digest",
                    "is required where environment is `prod`, since a tag can move: `sha256:` and the digest that "
                    "/api/tags shows for the model on a server that you trust",
                )


CHECKS: tuple[Check, ...] = (_production,)
SERVER_CHECKS: tuple[ServerCheck, ...] = (_names, _details)
