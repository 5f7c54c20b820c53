"""Whether each model fits its server's class and pool: before anything is registered, with the numbers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from components import sizes
from components.gpu_pools import Pool, choose, pool_of
from components.quantity import parse_bytes
from components.settings.faults import Fault, listed
from components.settings.models import FactsSettings, ModelSettings
from components.settings.server import OllamaSettings, ServerSettings
from fit import Facts, Room, Serving, Verdict, check, library, suggestions
from fit.memory import GPU_RESERVE, PROCESS
from fit.room import size as told
from ollama.errors import ConfigurationError
from ollama.names import DEFAULT_HOST, DEFAULT_NAMESPACE, ModelName

if TYPE_CHECKING:
    from components.settings.stack import Settings


@dataclass(frozen=True, kw_only=True)
class Fit:
    """One model of one server.

    Attributes:
        path: of the model in the settings.
        server: its name.
        model: its name.
        facts: None where nobody knows them.
        source: where they are from: `settings`, `registry`, `table`, or why there are none.
        room: what the replica has.
        pool: of GPUs that it was looked at for, if any.
        verdict: None without facts.
        instead: what would fit, nearest first.
        silent: why its registry said nothing, where it was asked.
    """

    path: str
    server: str
    model: str
    facts: Facts | None
    source: str
    room: Room
    pool: str | None = None
    verdict: Verdict | None = None
    instead: Sequence[str] = ()
    silent: str | None = None


def pools(settings: "Settings") -> list[Pool]:
    """The GPU pools that can be understood; what is wrong with the others is told elsewhere."""
    found: list[Pool] = []
    for one in settings.gpu_pools:
        try:
            found.append(pool_of(one, settings.namespace))
        except ValueError:
            continue
    return found


def pools_of(settings: "Settings", server: ServerSettings) -> list[Pool]:
    """Those of them that are in a server's cluster."""
    home = {one.name: settings.cluster_of(one).name for one in settings.gpu_pools}
    return [pool for pool in pools(settings) if home[pool.name] == settings.cluster_of(server).name]


def assign(settings: "Settings") -> dict[str, Pool]:
    """Server to the pool that it goes to: the named one, or the smallest GPUs that hold its models and have room left.

    Servers that name their pool come first, then the others in their order, so that the same settings always end alike.
    """
    known = pools(settings)
    left = {pool.name: pool.units for pool in known}
    found: dict[str, Pool] = {}
    hosted = [server for server in settings.servers if server.url is None]
    for server in sorted(hosted, key=lambda one: one.pool is None):
        try:
            gpus = sizes.size_of(server).gpus
            candidates = choose(pools_of(settings, server), server.pool, gpus) if gpus else []
            holding = [pool for pool in candidates if _holds(server, pool)]
        except (ConfigurationError, ValueError):
            # A quantity or a name that is not legal, which its own check tells.
            continue
        needed = gpus * server.most_replicas
        roomy = [pool for pool in holding if left[pool.name] >= needed]
        # The last one is that with the largest GPUs: what does not fit it fits none.
        ordered = [*roomy, *holding, *candidates[-1:]]
        if ordered:
            found[server.name] = ordered[0]
            left[ordered[0].name] -= needed
    return found


def _holds(server: ServerSettings, pool: Pool) -> bool:
    rows = _rows(server, "", room(server, pool), pool)
    return all(row.verdict is None or row.verdict.fits is not False for row in rows)


def pool_for(settings: "Settings", server: ServerSettings) -> Pool | None:
    """The pool that one server goes to."""
    return assign(settings).get(server.name)


def crowded(settings: "Settings") -> list[Fault]:
    """Pools that get more servers than they have GPUs for, where not all of these name the pool themselves."""
    assigned = assign(settings)
    wanted: dict[str, list[ServerSettings]] = {}
    for server in settings.servers:
        if server.name in assigned:
            wanted.setdefault(assigned[server.name].name, []).append(server)
    known = {pool.name: pool for pool in pools(settings)}
    needed = {name: sum(map(_units, there)) for name, there in wanted.items()}
    if sum(needed.values()) > sum(pool.units for pool in known.values()):
        # Fewer GPUs than replicas in all is told elsewhere, as is a pool too small for those that name it.
        return []
    return [
        Fault(
            f"gpuPools[{index}]",
            f"has {known[pool.name].units} GPUs, and the servers whose models fit no smaller pool "
            f"({', '.join(server.name for server in wanted[pool.name])}) need {needed[pool.name]} with all their "
            "replicas. Raise `maxNodes`, or choose another `pool` for one of them",
        )
        for index, pool in enumerate(settings.gpu_pools)
        if pool.name in wanted
        and needed[pool.name] > known[pool.name].units
        and any(server.pool is None for server in wanted[pool.name])
    ]


def _units(server: ServerSettings) -> int:
    return sizes.size_of(server).gpus * server.most_replicas


def room(server: ServerSettings, pool: Pool | None) -> Room:
    """What one replica may use."""
    size = sizes.size_of(server)
    overhead = 0 if server.ollama.gpu_overhead is None else int(parse_bytes(server.ollama.gpu_overhead))
    return Room(
        memory=int(parse_bytes(size.memory_limit)),
        gpus=size.gpus,
        gpu_memory=None if pool is None else pool.memory,
        gpu_overhead=overhead,
    )


def fits(settings: "Settings") -> list[Fit]:
    """Every model of every server in the cluster, looked at."""
    found: list[Fit] = []
    assigned = assign(settings)
    for index, server in enumerate(settings.servers):
        if server.url is not None:
            continue
        near = pools_of(settings, server)
        try:
            pool = assigned.get(server.name)
            rows = list(_rows(server, f"servers[{index}]", room(server, pool), pool))
        except (ConfigurationError, ValueError):
            # A quantity or a name that is not legal, which its own check tells.
            continue
        found += [_with_suggestions(server, row, near) for row in rows]
    return found


def faults(settings: "Settings", *, asked: bool = True) -> list[Fault]:
    """What does not fit, and what nobody knows where the settings want it known.

    Args:
        settings: of the whole stack.
        asked: whether registries were asked where `fit.lookup` says so; before that, nobody's not knowing is final.
    """
    found: list[Fault] = []
    final = asked or settings.fit.lookup == "none"
    for one in fits(settings):
        if one.facts is None and settings.fit.unknown == "refuse" and final:
            found.append(
                Fault(
                    f"{one.path}.facts",
                    f"are needed for `{one.model}`, whose size is not known ({one.source}), since `fit.unknown` is "
                    f"`refuse`. `echorator fit --gguf FILE` prints them, or set {listed(_KEYS)}",
                )
            )
        if one.verdict is not None and one.verdict.fits is False and settings.fit.over == "refuse":
            found.append(Fault(one.path, problem(one)))
    return found + crowded(settings)


def notes(settings: "Settings") -> list[str]:
    """What a person should know, and what stops nothing."""
    found: list[str] = []
    for one in fits(settings):
        if one.facts is None:
            found.append(f"{one.path}: {unknown(one)}")
        elif one.verdict is not None and one.verdict.fits is None:
            found.append(f"{one.path}: `{one.model}` {one.verdict}: no pool says which GPUs `{one.server}` gets")
        elif one.verdict is not None and one.verdict.fits is False and settings.fit.over == "note":
            found.append(f"{one.path}: {problem(one)}")
        if one.source == "table" and one.silent is not None:
            found.append(
                f"{one.path}: the size of `{one.model}` is that of the table of known models, since its registry did "
                f"not tell: {one.silent}"
            )
    assigned = assign(settings)
    for server in settings.servers:
        if server.url is None:
            found += _turns(server, assigned.get(server.name))
    return found


def unknown(one: Fit) -> str:
    """That nobody knows of a model whether it fits, and why."""
    return f"whether `{one.model}` fits is not known ({one.source})"


def problem(one: Fit) -> str:
    """Why a model does not fit, and what would."""
    where = f"pool `{one.pool}`" if one.pool is not None else f"server `{one.server}`"
    fixes = f" What fits: {'; '.join(one.instead)}" if one.instead else " Nothing in these settings would fit it"
    return f"`{one.model}` does not fit {where}: it {one.verdict}.{fixes}"


def facts_of(model: ModelSettings, server: ServerSettings) -> tuple[Facts | None, library.Weights | None, str]:
    """What is known of a model: by the settings, then by its registry, then by the table of known models."""
    base, problem_text = pulled_name(model, server)
    row = None if base is None else library.known(base.model, base.tag)
    if row is not None and not _is_library(base):
        row = None
    own = model.facts
    if own is not None:
        return _settled(own, row), None if row is None else row[0].weights, "settings"
    told = model.looked_up
    if told is not None and told.problem is not None:
        problem_text = f"{problem_text}, and its registry did not tell: {told.problem}"
    if told is None or told.weights is None:
        return (None, None, problem_text) if row is None else (row[1], row[0].weights, "table")
    if row is not None:
        return replace(row[1], weights=told.weights), row[0].weights, "registry"
    return told.facts, None, "registry"


def serving_of(ollama: OllamaSettings, model: ModelSettings) -> Serving:
    """How Ollama is set up for a model; its own `num_ctx` goes before the server's."""
    own = None if model.create is None else model.create.parameters.get("num_ctx")
    kind: Literal["f16", "q8_0", "q4_0"] = "f16" if ollama.kv_cache_type is None else ollama.kv_cache_type
    return Serving(
        context=own if type(own) is int and own > 0 else ollama.context_length,
        parallel=ollama.num_parallel,
        cache_type=kind,
        flash=ollama.flash_attention,
    )


_SHAPE = ("layers", "heads", "kvHeads", "headSize", "embedding", "vocabulary", "context")
_KEYS = ("size", *_SHAPE)


def missing_facts(facts: Mapping[str, object], *, known: bool) -> list[str]:
    """Keys of `facts` that a model needs and lacks."""
    return [] if known else [key for key in _KEYS if facts.get(key) is None]


def _settled(own: FactsSettings, row: tuple[library.Known, Facts] | None) -> Facts | None:
    given = {name: value for name, value in own.model_dump(exclude={"size"}).items() if value is not None}
    weights = None if own.size is None else int(parse_bytes(own.size))
    if row is not None:
        return replace(row[1], **({} if weights is None else {"weights": weights}), **given)
    if weights is None or missing_facts(own.model_dump(by_alias=True), known=False):
        return None
    return Facts(weights=weights, **given)


def pulled_name(model: ModelSettings, server: ServerSettings) -> tuple[ModelName | None, str]:
    """The name that is pulled for it or for what it is made from; or why there is none."""
    seen: set[str] = set()
    one = model
    while one.create is not None:
        if one.create.from_model is None:
            return None, "it is made from files"
        wanted = ModelName.parse(one.create.from_model).key
        base = next((other for other in server.models if ModelName.parse(other.name).key == wanted), None)
        if base is None or wanted in seen:
            return None, "its base is not a model of this server"
        seen.add(wanted)
        one = base
    return ModelName.parse(one.name if one.source is None else one.source), "it is not in the table of known models"


def _is_library(name: ModelName | None) -> bool:
    return name is not None and (name.host, name.namespace) == (DEFAULT_HOST, DEFAULT_NAMESPACE)


def _rows(server: ServerSettings, path: str, where: Room, pool: Pool | None) -> Iterator[Fit]:
    for index, model in enumerate(server.models):
        found, _, source = facts_of(model, server)
        yield Fit(
            path=f"{path}.models[{index}]",
            server=server.name,
            model=model.name,
            facts=found,
            source=source,
            room=where,
            pool=None if pool is None else pool.name,
            verdict=None if found is None else check(found, serving_of(server.ollama, model), where),
            silent=None if model.looked_up is None else model.looked_up.problem,
        )


def _with_suggestions(server: ServerSettings, row: Fit, known: Sequence[Pool]) -> Fit:
    if row.facts is None or row.verdict is None or row.verdict.fits is not False:
        return row
    model = next(one for one in server.models if one.name == row.model)
    weights = facts_of(model, server)[1]
    rooms = _other_rooms(server, known)
    return replace(
        row,
        instead=suggestions(row.facts, serving_of(server.ollama, model), row.room, rooms=rooms, weights=weights),
    )


def _other_rooms(server: ServerSettings, known: Sequence[Pool]) -> dict[str, Room]:
    """Pools with larger GPUs for a server that has some, then larger classes."""
    found: dict[str, Room] = {}
    gpus = sizes.size_of(server).gpus
    if gpus:
        for pool in choose(known, None, gpus):
            found[f"pool `{pool.name}`"] = room(server, pool)
    for name in sizes.CLASSES:
        other = server.model_copy(update={"resource_class": name, "resources": None, "gpus": None})
        count = sizes.size_of(other).gpus
        for pool in choose(known, None, count) if count else []:
            found[f"class `{name}` on pool `{pool.name}`"] = room(other, pool)
        if not gpus:
            without = other.model_copy(update={"gpus": 0})
            found[f"class `{name}`" + (" with `gpus: 0`" if count else "")] = room(without, None)
    return found


def _turns(server: ServerSettings, pool: Pool | None) -> Iterator[str]:
    """Models that are to stay in memory, and together do not fit: they would take turns."""
    preloaded = [model for model in server.models if model.preload]
    try:
        rows = [
            check(found, serving_of(server.ollama, model), room(server, pool))
            for model in preloaded
            if (found := facts_of(model, server)[0]) is not None
        ]
    except (ConfigurationError, ValueError):
        return
    if len(rows) < 2 or any(row.there is None for row in rows):  # noqa: PLR2004
        return
    there = max(row.there for row in rows if row.there is not None)
    # The server's own memory, and what is kept of each GPU, are there once.
    shared = (PROCESS if rows[0].place == "memory" else GPU_RESERVE) * (len(rows) - 1)
    need = sum(row.need for row in rows) - shared
    if need > there:
        yield (
            f"server `{server.name}`: the {len(rows)} models with `preload` need {told(need)} of {rows[0].place} "
            f"together, and {told(there)} is there: they will push each other out"
        )
