"""Registries that want credentials: a real one with a password file, a token service, and a hub like hf.co.

Proves what is sent to whom. Does not prove what public registries do beyond what the doubles' docstrings cite.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from tests.model_store.conftest import MakeStore
from tests.model_store.doubles import Hub, TokenRegistry
from tests.model_store.harness import Model, Store, http, make_model, push, random_bytes
from tests.model_store.steps import pull
from tests.support.processes import free_port
from tests.support.registry import Registry, find_registry

USER, PASSWORD = "robot$one", "pass word-ümlaut"
OLLAMA = {"User-Agent": "ollama/0.17.4 (amd64 linux) Go/go1.24.1"}


def bcrypt(password: str) -> str:
    """A password's hash as htpasswd has it, by the system's library."""
    name = ctypes.util.find_library("crypt")
    assert name is not None, "libcrypt is missing"
    crypt = ctypes.CDLL(name).crypt
    crypt.restype = ctypes.c_char_p
    hashed = crypt(password.encode(), b"$2b$05$abcdefghijklmnopqrstuu")
    assert hashed is not None
    assert hashed.startswith(b"$2b$"), "libcrypt knows no bcrypt"
    return hashed.decode()


class GuardedRegistry(Registry):
    """docker-registry that wants a password for everything, before another one's storage."""

    def __init__(self, folder: Path, storage: Path) -> None:
        super().__init__(find_registry(), folder)
        debug = f"127.0.0.1:{free_port()}"
        config = folder / "registry.yml"
        content = yaml.safe_load(config.read_text())
        content["auth"] = {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}
        content["storage"]["filesystem"]["rootdirectory"] = str(storage)
        content["http"]["debug"] = {"addr": debug}
        config.write_text(yaml.safe_dump(content))
        (folder / "htpasswd").write_text(f"{USER}:{bcrypt(PASSWORD)}\n")
        self._ready = f"http://{debug}/debug/health"


@pytest.fixture
def guarded(registry: Registry, tmp_path: Path) -> Iterator[GuardedRegistry]:
    folder = tmp_path / "guarded"
    folder.mkdir()
    with GuardedRegistry(folder, registry.storage) as server:
        yield server


def secret(folder: Path, password: str, user: str | None = USER) -> Path:
    """Write it as a mounted Secret has it."""
    folder.mkdir(exist_ok=True)
    (folder / "password").write_text(password)
    if user is not None:
        (folder / "username").write_text(user)
    return folder


def private(host: str, credentials: Path, *endpoints: str) -> dict[str, object]:
    upstream = {
        "host": host,
        "alias": "private",
        "endpoints": list(endpoints) or [f"http://{host}"],
        "credentialsFile": str(credentials),
    }
    return {"upstreams": [upstream]}


def told(store: Store) -> str:
    """Everything that the store says of itself: its log, its metrics and its files."""
    with http() as client:
        metrics = client.get(f"{store.url}/metrics").text
    small = [path.read_bytes() for path in store.root.rglob("*") if path.is_file() and path.stat().st_size < 10_000]
    return store.log.read_text() + metrics + b"".join(small).decode("latin-1")


def test_password_of_a_real_registry_and_its_rotation(
    make_store: MakeStore, registry: Registry, guarded: GuardedRegistry, tmp_path: Path
) -> None:
    model = push(registry.host, make_model("team/guarded", "1", [random_bytes(300_000, 1), b"t"]))
    credentials = secret(tmp_path / "secret", "not the password")
    store = make_store("unused", **private(guarded.host, credentials))
    with http(base_url=store.url) as client:
        refused = client.get(model.path)
    assert refused.status_code == 403
    message = refused.json()["errors"][0]["message"]
    assert f"it refused the credentials in {credentials} (HTTP 401)" in message
    # The Secret changes under the running store.
    secret(credentials, PASSWORD + "\n")
    pull(store, model)
    said = told(store) + refused.text
    for word in (PASSWORD, USER, "not the password", "Basic ", "Authorization"):
        assert word not in said


def test_missing_credentials_are_named(
    make_store: MakeStore, registry: Registry, guarded: GuardedRegistry, tmp_path: Path
) -> None:
    model = push(registry.host, make_model("team/missing", "1", [b"m" * 1000]))
    store = make_store("unused", **private(guarded.host, tmp_path / "absent"))
    with http(base_url=store.url) as client:
        message = client.get(model.path).json()["errors"][0]["message"]
    assert f"{tmp_path / 'absent' / 'password'} is missing or empty" in message
    assert "credentialsSecret" in message


def test_a_mirror_under_another_name_never_sees_them(
    make_store: MakeStore, registry: Registry, guarded: GuardedRegistry, tmp_path: Path
) -> None:
    """The mirror wants a password too, and gets none; the registry itself, asked next, gets it."""
    model = push(registry.host, make_model("team/mirrored", "1", [random_bytes(50_000, 2)]))
    credentials = secret(tmp_path / "secret", PASSWORD)
    with TokenRegistry(model, USER, PASSWORD) as mirror:
        store = make_store(
            "unused", **private(guarded.host, credentials, f"http://{mirror.host}", f"http://{guarded.host}")
        )
        pull(store, model)
        assert mirror.logins
        assert set(mirror.logins) == {None}


@pytest.fixture
def model() -> Model:
    return make_model("team/tokens", "1", [random_bytes(200_000, 3), b"t"])


def test_token_for_credentials_is_exchanged_once_and_renewed(
    make_store: MakeStore, model: Model, tmp_path: Path
) -> None:
    credentials = secret(tmp_path / "secret", PASSWORD)
    with TokenRegistry(model, USER, PASSWORD) as upstream:
        store = make_store("unused", **private(upstream.host, credentials))
        pull(store, model)
        assert upstream.logins == [f"{USER}:{PASSWORD}"]
        upstream.forget_tokens()
        upstream.pair = f"{USER}:another"
        with http(base_url=store.url) as client:
            refused = client.get(model.path)
            assert refused.status_code == 403
            assert "gave no token for the store's credentials (HTTP 401)" in refused.text
            secret(credentials, "another")
            assert client.get(model.path).status_code == 200
        said = told(store) + refused.text
    for word in (PASSWORD, USER, "another", "Bearer "):
        assert word not in said


def test_credentials_do_not_go_to_another_host_in_clear(make_store: MakeStore, model: Model, tmp_path: Path) -> None:
    credentials = secret(tmp_path / "secret", PASSWORD)
    with TokenRegistry(model, USER, PASSWORD) as thief, TokenRegistry(model, USER, PASSWORD) as upstream:
        upstream.realm = f"http://{thief.host}/token"
        store = make_store("unused", **private(upstream.host, credentials))
        with http(base_url=store.url) as client:
            refused = client.get(model.path)
        assert "over plain HTTP, where credentials would be read on the way" in refused.text
        assert (thief.logins, upstream.logins) == ([], [])


def hub_store(make_store: MakeStore, hub: Hub, credentials: Path | None = None) -> Store:
    upstream: dict[str, object] = {"host": hub.host, "alias": "hf-co", "endpoints": [f"http://{hub.host}"]}
    if credentials is not None:
        upstream["credentialsFile"] = str(credentials)
    return make_store("unused", upstreams=[upstream])


@pytest.fixture
def quantized() -> Model:
    return make_model("bartowski/Llama-3.2-1B-Instruct-GGUF", "Q4_K_M", [random_bytes(700_000, 4), b"{{ .Prompt }}"])


def test_hub_with_capitals_redirects_and_signatures(make_store: MakeStore, quantized: Model) -> None:
    with Hub(quantized) as hub:
        store = hub_store(make_store, hub)
        pull(store, quantized, OLLAMA)
        for tag in ("q4_k_m", "latest"):
            with http(base_url=store.url, headers=OLLAMA) as client:
                assert client.get(f"/v2/{quantized.repository}/manifests/{tag}").content == quantized.manifest
        agents = {headers["user-agent"] for *_, headers in hub.requests}
        assert agents == {OLLAMA["User-Agent"]}
        hosts = {host.partition(":")[0] for _, host, path, _ in hub.requests if "blobs" in path or "xet" in path}
        assert hosts == {"127.0.0.1", "localhost"}
        assert hub.signature not in told(store)


def test_hub_refusals_are_told_without_signatures(make_store: MakeStore, quantized: Model) -> None:
    with Hub(quantized) as hub:
        store = hub_store(make_store, hub)
        with http(base_url=store.url, headers=OLLAMA) as client:
            unknown = client.get(f"/v2/{quantized.repository}/manifests/Q9")
            assert unknown.status_code == 400
            assert "The specified tag is not available" in unknown.text
            client.get(quantized.path).raise_for_status()
            hub.refuse_signature = True
            refused = client.get(quantized.blob())
        assert refused.status_code == 403
        assert "HTTP 403 from 127.0.0.1" in refused.text or "HTTP 403 from localhost" in refused.text
        assert hub.signature not in refused.text + told(store)


def test_private_hub_takes_a_token_and_shows_it_to_nobody_else(
    make_store: MakeStore, quantized: Model, tmp_path: Path
) -> None:
    with Hub(quantized, token="hf_abc") as hub:
        anonymous = hub_store(make_store, hub)
        with http(base_url=anonymous.url, headers=OLLAMA) as client:
            refused = client.get(quantized.path)
        assert "wants credentials (HTTP 401 without a challenge), and the store has none for it" in refused.text
        anonymous.stop()
        hub.requests.clear()
        store = hub_store(make_store, hub, secret(tmp_path / "secret", "hf_abc", user=None))
        pull(store, quantized, OLLAMA)
        shown = {host for _, host, _, headers in hub.requests if "authorization" in headers}
        assert shown == {hub.host}
        # It is shown with the first request from the second one on, so a pull costs one refusal, not one a blob.
        bare = [1 for _, host, _, headers in hub.requests if host == hub.host and "authorization" not in headers]
        assert len(bare) == 1
        assert "hf_abc" not in told(store)


def test_hub_names_survive_a_store_without_upstream(make_store: MakeStore, quantized: Model) -> None:
    with Hub(quantized) as hub:
        store = hub_store(make_store, hub)
        pull(store, quantized, OLLAMA)
        store.stop()
    alone = hub_store(make_store, hub)
    pull(alone, quantized, OLLAMA)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://{hub.host}/", trust_env=False)
