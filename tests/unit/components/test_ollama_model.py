"""What a model's arguments become for the dynamic provider, and what they refuse.

Not proved: what the provider does with them (see `test_ollama_model_provider`), and the order of operations.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pytest

from components.cluster import Cluster, ClusterArgs
from components.ollama_model import OllamaModel, OllamaModelArgs, bring
from components.ollama_model_provider import OllamaModelProvider
from components.ollama_server import OllamaServer, OllamaServerArgs
from components.settings.server import ServerSettings
from components.sizes import Size
from components.wanted_models import wanted
from ollama.document import Pull, WantedEntry, fingerprint
from tests.support.pulumi_mocks import deploy, kinds

pytestmark = pytest.mark.usefixtures("local_kubeconfig")

SMALL = Size(cpu="250m", cpu_limit="2", memory="1Gi", memory_limit="3Gi", storage="4Gi")
DIGEST = "sha256:" + "ab" * 32


def inputs(models: Sequence[Mapping[str, Any]], **changes: Any) -> dict[str, Mapping[str, Any]]:
    """What is registered for models on a server of two replicas, by name."""
    settings = ServerSettings.model_validate(
        {"name": "chat", "replicas": 2, "class": "small", "models": list(models), **changes}
    )

    def program() -> None:
        cluster = Cluster("c", ClusterArgs(environment="dev", prefix="team"))
        document = wanted(settings, store_namespace=None if settings.url else cluster.namespace)
        inside = None if settings.url else cluster
        size = None if settings.url else SMALL
        server = OllamaServer("chat", OllamaServerArgs.of(settings, cluster=inside, size=size, wanted=document))
        bring(document, server, settings, inside)

    found = kinds(deploy(program), ":OllamaModel")
    return {name: {key: value for key, value in one.items() if key != "__provider"} for name, one in found.items()}


def test_through_the_store() -> None:
    found = dict(inputs([{"name": "smollm2", "digest": DIGEST}])["chat-smollm2:latest"])
    entry = WantedEntry.model_validate_json(found.pop("entry"))
    source = "registry-ollama-ai.team-models.svc.cluster.local:5000/library/smollm2:latest"
    assert entry == WantedEntry(name="smollm2:latest", pull=Pull(source=source, insecure=True), digest=DIGEST)
    assert found == {
        "kind": "pods",
        "context": "echorator-0123abcd",
        "namespace": "team-models",
        "statefulSet": "chat",
        "port": 11436.0,
        "replicaCount": 2.0,
        "writer": False,
        "reachMode": "podProxy",
        "serverUid": "uid-of-chat-pods",
        "name": "smollm2:latest",
        "source": source,
        "fingerprint": fingerprint(entry),
        "digest": DIGEST,
    }


def test_a_server_elsewhere_gets_the_bases_too() -> None:
    found = inputs(
        [{"name": "top", "create": {"from": "middle"}}, {"name": "middle", "create": {"from": "low"}}, {"name": "low"}],
        url="http://far:11434",
        **{"class": None},
    )
    bases = [WantedEntry.model_validate_json(one).name for one in found["chat-top:latest"]["bases"]]
    assert bases == ["low:latest", "middle:latest"]
    assert found["chat-top:latest"]["source"] == "created from middle:latest"
    assert found["chat-low:latest"]["bases"] == []
    assert found["chat-low:latest"]["url"] == "http://far:11434"


def test_type_is_stable() -> None:
    # The engine keeps this in the state of every stack; another one would replace each model.
    kind = f"pulumi-python:{OllamaModel._resource_type_name}"  # pyright: ignore[reportPrivateUsage]
    assert kind == "pulumi-python:dynamic/echorator:OllamaModel"
    assert OllamaModelProvider.__module__ == "components.ollama_model_provider"


def test_a_model_needs_a_server_that_can_be_reached() -> None:
    def program() -> None:
        server = OllamaServer("far", OllamaServerArgs(name="far", url="http://far:11434"))
        entry = WantedEntry(name="m:latest", pull=Pull(source="m"))
        OllamaModel("m", OllamaModelArgs(server=server, entry=entry, source="m"))

    with pytest.raises(pulumi.RunError, match="needs either `url`, or `cluster` and a server that runs there"):
        deploy(program)
