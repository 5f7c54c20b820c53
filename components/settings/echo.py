"""The echo service: how many, how large, who may ask, and how much."""

from typing import Annotated, Literal

from pydantic import Field

from components.settings.base import Section, Texts
from components.settings.server import ResourceSettings

RoleName = Literal["user", "operator"]


class EchoKeySettings(Section):
    """Somebody who may ask. Without `publicKey` an API key is made."""

    name: str
    """Stands in logs and metrics; the made key is the output `echo-keys` under it."""
    roles: Annotated[tuple[RoleName, ...], Field(strict=False)] = ("user",)
    public_key: str | None = None
    """Line of a holder's `~/.ollama/id_ed25519.pub`: the `ollama` command signs with it where OLLAMA_AUTH is set."""
    requests_per_minute: float | None = None
    concurrent: int | None = None
    spaces: Texts = ()
    """Memory spaces that it may use; none where none is named."""
    space: str | None = None
    """The one of these that its requests mean when they name none."""


class EchoEmbedderSettings(Section):
    """The model that turns texts into vectors, on any of the servers."""

    model: str
    width: int
    """Dimensions of its vectors."""


class EchoHistorySettings(Section):
    """What is put back of a conversation that a request names; the model's context bounds it too."""

    messages: int = 100
    """Most of them; 0 puts nothing back."""
    characters: int = 100_000


class EchoStatesSettings(Section):
    """How long states of a mind are kept: all, the last of each hour, the last of each day."""

    whole_days: float = 7
    hourly_days: float = 90
    daily_days: float | None = None
    """None is for ever."""


class EchoMemorySettings(Section):
    """Memory spaces in PostgreSQL."""

    url_secret: str = "echo-memory"  # noqa: S105 - its name
    """Secret in the models' namespace: `url`, and what else the URL names, such as `ca.crt`."""
    embedder: EchoEmbedderSettings
    cognition: bool = True
    """Learn and prepare by the whole of cognition; else by the memory alone."""
    history: EchoHistorySettings = EchoHistorySettings()
    states: EchoStatesSettings = EchoStatesSettings()
    port: int | None = None
    """Of a database outside the stack's own memory store."""


class EchoOidcSettings(Section):
    """An OpenID provider whose tokens are taken as keys are."""

    issuer: str
    audience: str
    jwks_url: str
    """Its public keys."""
    roles_claim: str = "groups"
    """Holds the names of groups or roles; dots go into objects."""
    user_values: Texts = ()
    """Which of them make a user; with none, every valid token does."""
    operator_values: Texts = ()
    spaces_claim: str | None = None
    """Names memory spaces that a token may use."""
    own_space_claim: str | None = None
    """Each of its values has a memory space of its own, such as `sub`."""
    space_by_default: bool = False
    """Requests that name no space mean their own one."""


class EchoRateSettings(Section):
    """What one key may ask of one replica, where the key says nothing else."""

    requests_per_minute: float | None = 600.0
    burst: int = 100
    concurrent: int | None = 64


class EchoQueueSettings(Section):
    """Requests that wait for a free replica."""

    size: int = 512
    """In one replica of the service; one more is answered 503."""
    wait_seconds: float = 60.0


class EchoTracesSettings(Section):
    """Traces, to a collector that takes OTLP over HTTP: OpenTelemetry's, Jaeger, Tempo."""

    endpoint: str
    """Its base URL; `/v1/traces` is added."""
    share: float = 1.0
    """Of traces that begin here; a client that began one has decided for its own."""


class EchoSettings(Section):
    """The service in front of the Ollama servers."""

    enabled: bool = False
    replicas: int = 2
    resources: ResourceSettings | None = None
    keys: Annotated[tuple[EchoKeySettings, ...], Field(strict=False)] = (
        EchoKeySettings(name="default", roles=("user", "operator")),
    )
    oidc: EchoOidcSettings | None = None
    memory: EchoMemorySettings | None = None
    anonymous: bool = False
    """Whoever shows no key is a user. Not in prod."""
    rates: EchoRateSettings = EchoRateSettings()
    queue: EchoQueueSettings = EchoQueueSettings()
    max_request_mib: int = 32
    traces: EchoTracesSettings | None = None
