"""What may be said in the config file; every value here can also come by environment or argument."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from echo.ports import INTERNAL_PORT, MAIN_PORT, OLLAMA_PORT
from replica_agent.fields import AbsolutePath, Listen, Strict, matches, web_url
from replica_agent.metrics_tls import MetricsTls
from replica_agent.ports import AGENT_PORT, GATE_PORT

__all__ = [
    "AuthConfig",
    "DrainConfig",
    "EchoConfig",
    "LimitsConfig",
    "ListenConfig",
    "MemoryConfig",
    "OidcConfig",
    "QueueConfig",
    "RateConfig",
    "RoutingConfig",
    "ServerConfig",
    "ViewConfig",
]

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\.?")

Port = Annotated[int, Field(gt=0, lt=65536)]
Seconds = Annotated[float, Field(gt=0)]
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


class ListenConfig(Strict):
    """Addresses and ports; port 0 takes a free one and logs it. A change needs a restart."""

    main: Listen = f"0.0.0.0:{MAIN_PORT}"
    ollama: Listen = f"0.0.0.0:{OLLAMA_PORT}"
    internal: Listen = f"0.0.0.0:{INTERNAL_PORT}"


class ServerConfig(Strict):
    """One Ollama server: replicas behind a name in the DNS, or one that runs elsewhere.

    Attributes:
        name: as the stack's settings have it.
        pods: name of the headless Service; each address behind it is a replica with an agent.
        url: base URL of a server without agents, instead of `pods`.
        gate_port, agent_port: of each replica.
        slots: requests that one replica answers at once for one model (Ollama's OLLAMA_NUM_PARALLEL).
        context: tokens of one request with its answer (Ollama's OLLAMA_CONTEXT_LENGTH).
        models: names that this server is to have. A model that is wanted and nowhere yet is waited for; one that
            nobody wants is not found.
    """

    name: Annotated[str, AfterValidator(matches(_NAME, "a server's name (a-z, 0-9, '-')"))]
    pods: Annotated[str, AfterValidator(matches(_HOST, "a name in the DNS"))] | None = None
    url: Annotated[str, AfterValidator(web_url(("http", "https")))] | None = None
    gate_port: Port = GATE_PORT
    agent_port: Port = AGENT_PORT
    slots: int = Field(default=1, gt=0)
    context: int = Field(default=4096, gt=0)
    models: Annotated[tuple[str, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.pods is None) == (self.url is None):
            raise ValueError("needs either `pods` (a headless Service) or `url`, and not both")
        return self


class RoutingConfig(Strict):
    """How a replica is chosen.

    Attributes:
        look_seconds: how often each replica is asked what it has.
        ahead: requests that are handed to a replica beyond its slots, so that it never waits for the next one.
        attempts: replicas that are tried, each before the first byte of an answer.
        connect_seconds: how long a replica may take to accept a connection.
    """

    look_seconds: Seconds = 2
    ahead: int = Field(default=1, ge=0)
    attempts: int = Field(default=3, gt=0)
    connect_seconds: Seconds = 3


class QueueConfig(Strict):
    """Requests that wait for a free slot.

    Attributes:
        size: most that wait in one replica of the service; one more is refused with 503 and Retry-After.
        wait_seconds: longest wait.
    """

    size: int = Field(default=512, ge=0)
    wait_seconds: Seconds = 60


class LimitsConfig(Strict):
    """Bounds of what clients can take up.

    Attributes:
        max_request_bytes: largest body of one request.
        buffered_bytes: of all bodies that are held at once; more is refused with 503.
        body_seconds: a request's body must be whole by then.
        client_stall_seconds: a client that takes nothing for so long is cut off.
        websockets: open at once.
        websocket_streams: answers that run at once on one WebSocket.
    """

    max_request_bytes: int = Field(default=32 << 20, gt=0)
    buffered_bytes: int = Field(default=128 << 20, gt=0)
    body_seconds: Seconds = 60
    client_stall_seconds: Seconds = 60
    websockets: int = Field(default=12_000, ge=0)
    websocket_streams: int = Field(default=8, gt=0)


class RateConfig(Strict):
    """Of one key in one replica of the service, where the key says nothing else; None is no limit.

    Attributes:
        requests_per_minute: on average.
        burst: at once, after a pause.
        concurrent: being answered, or waiting, at the same time.
    """

    requests_per_minute: Annotated[float, Field(gt=0)] | None = 600
    burst: int = Field(default=100, gt=0)
    concurrent: Annotated[int, Field(gt=0)] | None = 64


class OidcConfig(Strict):
    """Tokens of an OpenID provider.

    Attributes:
        issuer: `iss` of its tokens.
        audience: `aud` that says they are for us.
        jwks_url: its public keys.
        ca_file: authority of its certificate, where the system does not know it.
        algorithms: accepted signatures; never a symmetric one, whose key would be public.
        roles_claim: holds the names of groups or roles; dots go into objects (`realm_access.roles`).
        user_values, operator_values: which of them give a role. With no user values, every valid token is a user's.
        spaces_claim: holds the names of memory spaces that a token may use, one or a list; dots as above. Whoever can
            change it at the provider chooses spaces.
        own_space_claim: such as `sub`: each of its values has a space of its own, which only tokens with that value may
            use. It must be one that the provider gives to nobody else, and that people cannot change.
        space_by_default: a request that names no space means its own one.
        refresh_seconds: how long keys are kept.
    """

    issuer: str = Field(min_length=1)
    audience: str = Field(min_length=1)
    jwks_url: str = Field(pattern=r"^https?://[^\s@]+$")
    ca_file: AbsolutePath | None = None
    algorithms: Annotated[tuple[Algorithm, ...], Field(strict=False, min_length=1)] = ("RS256", "ES256")
    roles_claim: str = Field(default="groups", min_length=1)
    user_values: Annotated[tuple[str, ...], Field(strict=False)] = ()
    operator_values: Annotated[tuple[str, ...], Field(strict=False)] = ()
    spaces_claim: Annotated[str, Field(min_length=1)] | None = None
    own_space_claim: Annotated[str, Field(min_length=1)] | None = None
    space_by_default: bool = False
    refresh_seconds: Seconds = 300

    @model_validator(mode="after")
    def _own_by_default(self) -> Self:
        if self.space_by_default and self.own_space_claim is None:
            raise ValueError("`spaceByDefault` needs `ownSpaceClaim`, whose space it means")
        return self


class AuthConfig(Strict):
    """Who may ask.

    Attributes:
        keys_file: the Secret with hashed keys.
        anonymous: whoever shows nothing is a user (never an operator). For a laptop.
        oidc: None takes no tokens.
        failures_per_minute: wrong keys of one address that are answered 401; further ones are answered 429.
    """

    keys_file: AbsolutePath | None = None
    anonymous: bool = False
    oidc: OidcConfig | None = None
    failures_per_minute: Annotated[float, Field(gt=0)] = 30


class EmbedderConfig(Strict):
    """What turns texts into vectors: a model on any of the servers, asked for like every other.

    Attributes:
        model: such as `all-minilm:22m`; a space takes vectors of one model only.
        width: dimensions of its vectors.
    """

    model: str = Field(min_length=1)
    width: int = Field(gt=0, le=4000)


class RecallConfig(Strict):
    """What comes to mind before an answer.

    Attributes:
        limit: most memories, where the request says nothing else.
        characters: most that are added to a prompt.
        seconds: recall that takes longer is left out, and the answer says so.
        pause_seconds: after the database failed, how long answers are given without asking it again.
    """

    limit: int = Field(default=6, gt=0, le=50)
    characters: int = Field(default=4_000, ge=200, le=100_000)
    seconds: Seconds = 2
    pause_seconds: Seconds = 5


class HistoryConfig(Strict):
    """What is put back of a conversation that a request names.

    Attributes:
        messages: most of them; 0 puts nothing back.
        characters: most of all together. The model's context bounds them too.
    """

    messages: int = Field(default=100, ge=0, le=1_000)
    characters: int = Field(default=100_000, ge=0)


class LearningConfig(Strict):
    """What is learned after an answer, in the background.

    Attributes:
        queue: most turns that wait; one more is left out and counted.
        workers: turns that are learned from at once.
        seconds: longest for one turn.
        tidy_minutes: how often a space that learned is consolidated and what faded is forgotten; 0 is never.
        look_seconds: how often it is counted what a space that learned is like, for metrics; a large one takes long.
    """

    queue: int = Field(default=1_000, gt=0)
    workers: int = Field(default=2, gt=0, le=32)
    seconds: Seconds = 60
    tidy_minutes: float = Field(default=60, ge=0)
    look_seconds: Seconds = 15


class StatesConfig(Strict):
    """How long states of a mind, and outlines of its self, are kept; what is not goes when a space forgets.

    Attributes:
        whole_days: all of them.
        hourly_days: the last of each hour.
        daily_days: the last of each day; None is for ever.
    """

    whole_days: Annotated[float, Field(ge=0, le=36_500)] = 7
    hourly_days: Annotated[float, Field(ge=0, le=36_500)] = 90
    daily_days: Annotated[float, Field(ge=0, le=36_500)] | None = None

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if not self.whole_days <= self.hourly_days <= (math.inf if self.daily_days is None else self.daily_days):
            raise ValueError("`wholeDays`, `hourlyDays` and `dailyDays` must not fall")
        return self


class MemoryConfig(Strict):
    """Memory spaces in PostgreSQL.

    Attributes:
        database_url_file: holds `postgresql://ROLE:PASSWORD@HOST/DATABASE?sslmode=verify-full&sslrootcert=FILE`;
            read again when it changes.
        embedder: of every space that is made here.
        cognition: learn and prepare by the whole of cognition; else by the memory alone.
        connections: to the database, of one replica of the service.
        events: listeners at once.
        events_url_file: holds `rediss://USER:PASSWORD@HOST:PORT/0?ssl_ca_certs=FILE`, of the Redis that takes events
            from one replica of the service to the others; read again when it changes. None, or no such file: events
            stay where they happen.
    """

    database_url_file: AbsolutePath
    embedder: EmbedderConfig
    cognition: bool = True
    recall: RecallConfig = RecallConfig()
    history: HistoryConfig = HistoryConfig()
    learning: LearningConfig = LearningConfig()
    states: StatesConfig = StatesConfig()
    connections: int = Field(default=10, gt=1, le=100)
    events: int = Field(default=100, ge=0)
    events_url_file: AbsolutePath | None = None


class DrainConfig(Strict):
    """The end of a pod.

    Attributes:
        settle_seconds: how long new requests are still taken: endpoints need as long to hear of it.
        limit_seconds: how long requests that run are waited for; below the pod's grace period.
    """

    settle_seconds: float = Field(default=5, ge=0)
    limit_seconds: float = Field(default=290, ge=0)


class ViewConfig(Strict):
    """The live view.

    Attributes:
        folder: its built files; without it the page says that there is none. A change needs a restart.
    """

    folder: AbsolutePath = Path("/app/view")


class EchoConfig(Strict):
    """Everything the service is told."""

    listen: ListenConfig = ListenConfig()
    servers: Annotated[tuple[ServerConfig, ...], Field(strict=False)] = ()
    routing: RoutingConfig = RoutingConfig()
    queue: QueueConfig = QueueConfig()
    limits: LimitsConfig = LimitsConfig()
    rates: RateConfig = RateConfig()
    auth: AuthConfig = AuthConfig()
    drain: DrainConfig = DrainConfig()
    memory: MemoryConfig | None = None
    view: ViewConfig = ViewConfig()
    metrics_tls: MetricsTls | None = None
    """Tell metrics by TLS, on a port of their own, and not on `listen.internal`. A change needs a restart."""

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        names = [server.name for server in self.servers]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"servers named more than once: {', '.join(twice)}")
        return self


DEFAULT_DATABASE_URL_FILE = Path("/etc/echo-memory/url")
"""Where the component mounts the Secret with the database's URL."""

DEFAULT_KEYS_FILE = Path("/etc/echo-keys/keys.json")
"""Where the component mounts the Secret."""
