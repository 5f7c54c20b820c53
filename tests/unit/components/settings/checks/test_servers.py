"""A server itself: name, size, volume, how a deploy reaches it.

Not proved: that a storage class offers the access mode that is asked for.
"""

from typing import Any

import pytest

from tests.support.settings_cases import POOL, cases, check, faults, one, refusal, server, sized

FINE = {"cpu": "1", "memory": "1Gi"}


@cases(
    ("bad server name", one(name="Chat"), "servers[0].name: `Chat` is no legal name"),
    (
        "name of the store",
        one(name="model-store"),
        "servers[0].name: `model-store` is the name of a service of the model store. Choose another",
    ),
    (
        "name of an upstream",
        one(name="registry-ollama-ai"),
        "servers[0].name: `registry-ollama-ai` is the name of a service of the model store",
    ),
    ("name of a pods service", one(name="chat-pods"), "servers[0].name: `chat-pods` ends in `-pods`"),
    (
        "server named twice",
        {"servers": [server(), server()]},
        "servers[1].name: `chat` is also the name at servers[0].name. Names of servers must differ",
    ),
    (
        "no replicas",
        one(replicas=0),
        "servers[0].replicas: is 0, but the server has models, and no replica could hold them",
    ),
    ("negative replicas", one(replicas=-1), "servers[0].replicas: must be from 0 to 1000, not -1"),
    (
        "url and replicas",
        {"servers": [{"name": "a", "url": "http://h:1", "replicas": 2}]},
        "servers[0].url: is of a server that already runs, so `replicas` cannot be set here.",
    ),
    (
        "url and size",
        {
            "servers": [
                {
                    "name": "a",
                    "url": "http://h:1",
                    "class": "small",
                    "storage": "1Gi",
                    "resources": {"requests": FINE, "limits": FINE},
                }
            ]
        },
        "so `storage`, `class`, `resources` cannot be set here",
    ),
    (
        "url with a path",
        {"servers": [{"name": "a", "url": "http://h/x"}]},
        "servers[0].url: `http://h/x` is no legal URL: must be `http://HOST[:PORT]`",
    ),
    ("url without scheme", {"servers": [{"name": "a", "url": "h:11434"}]}, "servers[0].url: `h:11434` is no legal URL"),
    (
        "url with password",
        {"servers": [{"name": "a", "url": "http://u:pw@h"}]},
        "servers[0].url: holds a user or password; configuration is stored in clear",
    ),
    ("class and resources", one(**{"class": "small"}), "servers[0]: has `class` and `resources`. Keep one"),
    (
        "no size",
        one(resources=None),
        "servers[0]: has neither `class` (`small`, `medium`, `large`, `echo`) nor `resources`",
    ),
    ("resources without storage", one(storage=None), "servers[0].storage: is required beside `resources`"),
    ("storage", one(storage="4GB"), "servers[0].storage: `4GB` is no legal quantity: must be a number followed by Ki"),
    (
        "cpu",
        sized({**FINE, "cpu": "1Gi"}, FINE),
        "servers[0].resources.requests.cpu: `1Gi` is no legal quantity: must be a number of cores",
    ),
    (
        "cpu above its limit",
        sized({**FINE, "cpu": "2"}, FINE),
        "servers[0].resources.requests.cpu: is more than the limit",
    ),
    (
        "memory above its limit",
        sized({**FINE, "memory": "1025Mi"}, FINE),
        "servers[0].resources.requests.memory: is more than the limit",
    ),
    ("too many replicas", one(replicas=1001), "servers[0].replicas: must be from 0 to 1000, not 1001"),
    (
        "claim of one replica",
        one(volume={"claim": "models"}),
        "servers[0].volume.claim: is one volume, but each replica has its own. Set `volume.mode: shared`",
    ),
    (
        "name of a claim",
        one(volume={"mode": "shared", "claim": "My Models"}),
        "servers[0].volume.claim: `My Models` is no legal name of a PersistentVolumeClaim",
    ),
    (
        "class of a claim that exists",
        one(volume={"mode": "shared", "claim": "m", "storageClass": "fast"}),
        "servers[0].volume.storageClass: has no effect on a claim that exists",
    ),
    (
        "empty storage class",
        one(volume={"storageClass": ""}),
        "servers[0].volume.storageClass: `` is no legal name of a storage class",
    ),
    (
        "many writers for own volumes",
        one(volume={"accessMode": "ReadWriteMany"}),
        "servers[0].volume.accessMode: is `ReadWriteMany`, but each replica has a volume of its own",
    ),
    (
        "one node for many replicas",
        one(replicas=2, volume={"mode": "shared", "accessMode": "ReadWriteOnce"}),
        "servers[0].volume.accessMode: is `ReadWriteOnce`, which pods on one node alone can use, but there are 2",
    ),
    (
        "one pod for a shared volume",
        one(volume={"mode": "shared", "accessMode": "ReadWriteOncePod"}),
        "servers[0].volume.accessMode: is `ReadWriteOncePod`, but a shared volume has its writer's pod",
    ),
    (
        "two servers with one claim",
        {"servers": [server(name=name, volume={"mode": "shared", "claim": "m"}) for name in "ab"]},
        "servers[1].volume.claim: `m` is also the volume at servers[0].volume.claim",
    ),
    (
        "url mode without url",
        one(reach={"mode": "url"}),
        "servers[0].reach.url: is required with `mode: url`, such as https://{replica}.models.example.com;",
    ),
    (
        "url without its mode",
        one(reach={"url": "http://{replica}"}),
        "servers[0].reach.url: has no effect unless `reach.mode` is `url`",
    ),
    (
        "url without replica",
        one(reach={"mode": "url", "url": "http://chat"}),
        "servers[0].reach.url: `http://chat` lacks `{replica}`",
    ),
    (
        "url with another name",
        one(reach={"mode": "url", "url": "http://{replica}.{pod}"}),
        "servers[0].reach.url: `http://{replica}.{pod}` is no legal URL",
    ),
    (
        "url with a query",
        one(reach={"mode": "url", "url": "http://h?r={replica}"}),
        "servers[0].reach.url: `http://h?r={replica}` is no legal URL",
    ),
    (
        "url with a user",
        one(reach={"mode": "url", "url": "http://{replica}:pw@h"}),
        "servers[0].reach.url: `http://{replica}:pw@h` is no legal URL",
    ),
    (
        "url of another kind",
        one(reach={"mode": "url", "url": "ftp://{replica}"}),
        "servers[0].reach.url: `ftp://{replica}` is no legal URL: must be http:// or https://",
    ),
)
def test_refusals(raw: dict[str, Any], told: str) -> None:
    check(raw, told)


def test_a_claim_that_is_made_for_another_server() -> None:
    raw = {
        "servers": [
            server(name="chat", volume={"mode": "shared"}),
            server(name="b", volume={"mode": "shared", "claim": "chat-models"}),
        ]
    }
    check(raw, "servers[1].volume.claim: `chat-models` is also the volume at servers[0].volume.claim")


@pytest.mark.parametrize("key", ["volume", "ollama", "expose", "pod", "reach"])
def test_what_an_adopted_server_cannot_have(key: str) -> None:
    raw: dict[str, Any] = {"servers": [{"name": "a", "url": "http://h:1", key: {}}]}
    check(raw, f"servers[0].url: is of a server that already runs, so `{key}` cannot be set here")


def test_an_adopted_server_has_no_agent_that_could_refuse_clients() -> None:
    raw = {"servers": [{"name": "a", "url": "http://h:1", "clientsMayManageModels": False}]}
    check(raw, "so `clientsMayManageModels` cannot be set here")


def test_a_password_is_not_repeated_by_what_refuses_it() -> None:
    raw = {"servers": [{"name": "a", "url": "http://user:hidden-value@h"}]}
    assert "hidden-value" not in "".join(refusal(raw))


@pytest.mark.parametrize(
    "raw",
    [
        one(replicas=0, models=[]),
        {**one(**{"class": "large", "resources": None, "storage": None}), "gpuPools": [POOL]},
        one(volume={"storageClass": "fast", "accessMode": "ReadWriteOncePod"}),
        one(replicas=3, volume={"mode": "shared", "accessMode": "ReadWriteMany", "storageClass": "nfs"}),
        one(replicas=3, volume={"mode": "shared", "claim": "models"}),
        one(replicas=1, volume={"mode": "shared", "accessMode": "ReadWriteOnce"}),
        one(reach={"mode": "url", "url": "https://{replica}.example.com:8443"}),
        one(reach={"mode": "url", "url": "https://example.com/replicas/{replica}"}),
        one(reach={"mode": "portForward"}),
        one(clientsMayManageModels=True),
    ],
)
def test_legal(raw: dict[str, Any]) -> None:
    assert faults(raw) == []
