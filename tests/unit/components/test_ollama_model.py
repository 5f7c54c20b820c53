"""What a model's arguments become for the dynamic provider, and what they refuse.

Not proved: what the provider does with them (see `test_ollama_model_provider`), and the order of operations.
"""

from typing import Any

import pulumi
import pytest

from components.cluster import Cluster, ClusterArgs
from components.ollama_model import OllamaModel, OllamaModelArgs
from components.ollama_model_provider import OllamaModelProvider
from components.ollama_server import OllamaServer, OllamaServerArgs
from components.sizes import Size
from tests.support.pulumi_mocks import deploy, kinds

pytestmark = pytest.mark.usefixtures("local_kubeconfig")

SMALL = Size(cpu="250m", cpu_limit="2", memory="1Gi", memory_limit="3Gi", storage="4Gi")
DIGEST = "sha256:" + "ab" * 32


def inputs(**changes: Any) -> dict[str, Any]:
    """What is registered for a model on a server of two replicas."""

    def program() -> None:
        cluster = Cluster("c", ClusterArgs(environment="dev", prefix="team"))
        args = OllamaServerArgs(name="chat", cluster=cluster, size=SMALL, replicas=2)
        chosen: dict[str, Any] = {
            "server": OllamaServer("chat", args),
            "cluster": cluster,
            "name": "smollm2",
            **changes,
        }
        OllamaModel("m", OllamaModelArgs(**chosen))

    found = dict(kinds(deploy(program), ":OllamaModel")["m"])
    del found["__provider"]
    return found


def test_through_the_store() -> None:
    assert inputs(digest=DIGEST) == {
        "kind": "pods",
        "context": "echorator-0123abcd",
        "namespace": "team-models",
        "statefulSet": "chat",
        "port": 11434.0,
        "replicaCount": 2.0,
        "serverUid": "uid-of-chat-pods",
        "name": "smollm2:latest",
        "source": "registry.ollama.ai/library/smollm2:latest",
        "pullFrom": "registry-ollama-ai.team-models.svc.cluster.local:5000/library/smollm2:latest",
        "insecure": True,
        "digest": DIGEST,
    }


def test_from_the_registry_itself() -> None:
    found = inputs(through_store=False, source="hf.co/a/b:c")
    assert (found["name"], found["source"], found["pullFrom"]) == ("smollm2:latest", "hf.co/a/b:c", "hf.co/a/b:c")
    assert found["insecure"] is False
    assert "digest" not in found


def test_type_is_stable() -> None:
    # The engine keeps this in the state of every stack; another one would replace each model.
    kind = f"pulumi-python:{OllamaModel._resource_type_name}"  # pyright: ignore[reportPrivateUsage]
    assert kind == "pulumi-python:dynamic/echorator:OllamaModel"
    assert OllamaModelProvider.__module__ == "components.ollama_model_provider"


def test_a_model_needs_a_server_that_can_be_reached() -> None:
    def program() -> None:
        server = OllamaServer("far", OllamaServerArgs(name="far", url="http://far:11434"))
        OllamaModel("m", OllamaModelArgs(server=server, name="smollm2"))

    with pytest.raises(pulumi.RunError, match="needs either `url`, or `cluster` and a server that runs there"):
        deploy(program)
