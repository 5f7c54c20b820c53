"""The settings of `pod` in the pod template.

Not proved: that a scheduler or a kubelet takes them.
"""

from typing import Any

from components.ollama_pod import PodPlan, template
from components.ollama_server_objects import object_labels, selector
from components.settings.server import PodSettings
from components.sizes import CLASSES


def pod(raw: dict[str, Any], *, size: str = "small") -> dict[str, Any]:
    plan = PodPlan(
        server="chat",
        role="replica",
        labels=object_labels("chat"),
        size=CLASSES[size],
        priority="p",
        claim="",
        pod=PodSettings.model_validate(raw),
    )
    return template(plan)


def container(found: dict[str, Any], name: str = "ollama") -> dict[str, Any]:
    return next(one for one in found["spec"]["containers"] if one["name"] == name)


def test_image_and_pull() -> None:
    found = pod({"image": "example.com/ollama:0.17.4", "imagePullPolicy": "Always", "imagePullSecrets": ["a", "b"]})
    assert container(found)["image"] == "example.com/ollama:0.17.4"
    assert [one["imagePullPolicy"] for one in found["spec"]["containers"]] == ["Always", "Always"]
    assert found["spec"]["imagePullSecrets"] == [{"name": "a"}, {"name": "b"}]


def test_placement() -> None:
    toleration = {"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 0}
    raw: dict[str, Any] = {
        "runtimeClass": "nvidia",
        "nodeSelector": {"gpu": "yes"},
        "tolerations": [toleration],
        "affinity": {"nodeAffinity": {}},
    }
    found = pod(raw, size="large")["spec"]
    assert found["runtimeClassName"] == "nvidia"
    assert found["nodeSelector"] == {"gpu": "yes"}
    assert found["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        toleration,
    ]
    assert found["affinity"] == {"nodeAffinity": {}}
    bare = pod({})["spec"]
    assert not {"runtimeClassName", "nodeSelector", "tolerations", "affinity", "imagePullSecrets"} & bare.keys()


def test_labels_and_annotations_never_hide_ours() -> None:
    ours = "echorator.dev/agent-config"
    found = pod({"labels": {"team": "a", "app.kubernetes.io/name": "x"}, "annotations": {"note": "b", ours: "x"}})
    assert found["metadata"]["labels"] == {"team": "a", **object_labels("chat")}
    assert selector("chat").items() <= found["metadata"]["labels"].items()
    assert found["metadata"]["annotations"]["note"] == "b"
    assert found["metadata"]["annotations"][ours] != "x"


def test_environment() -> None:
    raw: dict[str, Any] = {
        "env": [
            {"name": "A", "value": ""},
            {"name": "B", "secret": "s", "key": "k"},
            {"name": "C", "configMap": "m", "key": "k"},
        ],
        "envFromSecrets": ["s"],
        "envFromConfigMaps": ["m"],
    }
    found = container(pod(raw))
    assert found["env"][-3:] == [
        {"name": "A", "value": ""},
        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}},
    ]
    assert found["envFrom"] == [{"secretRef": {"name": "s"}}, {"configMapRef": {"name": "m"}}]
    assert "envFrom" not in container(pod({}))
    # The agent parses nothing of a stranger's making, and gets no stranger's secrets either.
    assert not {"A", "B", "C"} & {one["name"] for one in container(pod(raw), "agent")["env"]}


def test_the_template_comes_last() -> None:
    raw: dict[str, Any] = {
        "nodeSelector": {"a": "b"},
        "template": {
            "metadata": {"annotations": {"more": "x"}},
            "spec": {
                "nodeSelector": {"a": None, "c": "d"},
                "containers": [
                    {"name": "ollama", "resources": {"limits": {"cpu": "3"}}},
                    {"name": "own", "image": "i"},
                ],
            },
        },
    }
    found = pod(raw)
    assert found["spec"]["nodeSelector"] == {"c": "d"}
    assert found["metadata"]["annotations"].keys() == {"more", "echorator.dev/agent-config"}
    assert container(found)["resources"]["limits"] == {"cpu": "3", "memory": "16Gi"}
    assert container(found, "own") == {"name": "own", "image": "i"}


def test_security_of_every_container() -> None:
    for one in pod({})["spec"]["containers"]:
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
        }
