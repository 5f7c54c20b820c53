"""The program that test_engine.py deploys: the configuration says what is in it, and no cluster is asked."""

from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

config = pulumi.Config()
wanted = config.require_object("wanted")
out = Path(config.require("out"))
provider = k8s.Provider("rendered", render_yaml_to_directory=str(out))
opts = pulumi.ResourceOptions(provider=provider)
meta: Any = {"name": "it", "namespace": "team"}
labelled: Any = {**meta, "labels": {"app": "it"}}


class Provider(ResourceProvider):
    """Makes nothing, and tells the image only then."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult("it", {**props, "image": "docker.io/ollama/ollama:0.17.4"})


class Late(Resource, module="test", name="Late"):
    """Has an output that no preview knows."""

    image: pulumi.Output[str]


class OllamaModel(Resource, module="echorator", name="OllamaModel"):
    """Registered as components.ollama_model registers its own."""


k8s.core.v1.ConfigMap("first", metadata={"namespace": "team"}, data={"a": "b"}, opts=opts)
body = wanted.get("pod")
if body is not None:
    if wanted.get("unknownImage"):
        body["containers"][0]["image"] = Late(Provider(), "late", {"image": None}).image
    k8s.core.v1.Pod("pod", metadata=labelled, spec=body, opts=opts)
if wanted.get("secret"):
    k8s.core.v1.ConfigMap("leak", metadata=meta, data={"innocent": pulumi.Output.secret("x")}, opts=opts)
if "model" in wanted:
    OllamaModel(Provider(), "model", wanted["model"])
if wanted.get("output"):
    pulumi.export("dbPassword", "hunter2hunter2")
