"""What else is said about a server's pods: image, placing, labels, variables, and no secret in clear.

Not proved: that Secrets and classes of these names are there.
"""

from typing import Any

import pytest

from components.ollama_environment import FURTHER
from components.settings.checks.pod import looks_secret
from tests.support.settings_cases import DIGEST, cases, check, faults, one, prod, refusal

ENV = "servers[0].pod.env[0]"


def pod(**keys: Any) -> dict[str, Any]:
    return one(pod=keys)


def env(name: str, **keys: Any) -> dict[str, Any]:
    """One variable, with the value `x` unless other keys are given."""
    return pod(env=[{"name": name, **(keys or {"value": "x"})}])


def tolerated(**keys: Any) -> dict[str, Any]:
    return pod(tolerations=[keys])


@cases(
    (
        "image without tag",
        pod(image="docker.io/ollama/ollama"),
        "servers[0].pod.image: `docker.io/ollama/ollama` is no legal image: must be [HOST/]REPOSITORY:TAG",
    ),
    (
        "image with scheme",
        pod(image="https://r.io/ollama:0.17.4"),
        "servers[0].pod.image: `https://r.io/ollama:0.17.4` is no legal image",
    ),
    (
        "latest image",
        pod(image="ollama/ollama:latest"),
        "servers[0].pod.image: has the tag `latest`, so that each pod may run another Ollama",
    ),
    (
        "old image",
        pod(image="ollama/ollama:0.16.1"),
        "servers[0].pod.image: is older than Ollama 0.16.2, the first that can be kept from sending prompts",
    ),
    (
        "image by tag in production",
        prod(pod={"image": "ollama/ollama:0.17.4"}),
        "servers[0].pod.image: needs a digest where environment is `prod`",
    ),
    (
        "pull secret",
        pod(imagePullSecrets=["a", "B"]),
        "servers[0].pod.imagePullSecrets[1]: `B` is no legal name of a Secret",
    ),
    (
        "runtime class",
        pod(runtimeClass="NVIDIA"),
        "servers[0].pod.runtimeClass: `NVIDIA` is no legal name of a RuntimeClass",
    ),
    (
        "node's label",
        pod(nodeSelector={"gpu type": "a"}),
        "servers[0].pod.nodeSelector.gpu type: `gpu type` is no legal key",
    ),
    (
        "value of a node's label",
        pod(nodeSelector={"gpu": "A 100"}),
        "servers[0].pod.nodeSelector.gpu: `A 100` is no legal value of a label",
    ),
    ("long value", pod(nodeSelector={"gpu": "a" * 64}), "is no legal value of a label: at most 63"),
    (
        "taint of no key",
        tolerated(value="x"),
        "servers[0].pod.tolerations[0].key: is required unless `operator` is `Exists`",
    ),
    (
        "value of any",
        tolerated(key="gpu", operator="Exists", value="x"),
        "servers[0].pod.tolerations[0].value: has no effect with `operator: Exists`",
    ),
    (
        "time of the wrong effect",
        tolerated(key="gpu", effect="NoSchedule", tolerationSeconds=5),
        "servers[0].pod.tolerations[0].tolerationSeconds: has an effect only with `effect: NoExecute`",
    ),
    (
        "negative time",
        tolerated(key="gpu", effect="NoExecute", tolerationSeconds=-5),
        "servers[0].pod.tolerations[0].tolerationSeconds: must be from 0 to",
    ),
    ("key of a taint", tolerated(key="/gpu"), "servers[0].pod.tolerations[0].key: `/gpu` is no legal key"),
    (
        "short end",
        pod(terminationGraceSeconds=9),
        "servers[0].pod.terminationGraceSeconds: must be from 10 to 86400, not 9",
    ),
    (
        "label of ours, of the other prefix",
        pod(labels={"echorator.dev/ollama-client": "true"}),
        "servers[0].pod.labels.echorator.dev/ollama-client: is set by the program",
    ),
    (
        "annotation of ours",
        pod(annotations={"echorator.dev/agent-config": "{}"}),
        "servers[0].pod.annotations.echorator.dev/agent-config: begins with `echorator.dev/`",
    ),
    (
        "label of ours",
        pod(labels={"app.kubernetes.io/instance": "x"}),
        "servers[0].pod.labels.app.kubernetes.io/instance: is set by the program, which finds its pods by it",
    ),
    ("label's key", pod(labels={"a..": "x"}), "servers[0].pod.labels.a..: `a..` is no legal key"),
    (
        "prefix of a label",
        pod(labels={"Example.com/a": "x"}),
        "servers[0].pod.labels.Example.com/a: `Example.com/a` is no legal key",
    ),
    ("annotation", pod(annotations={"a/b/c": "x"}), "servers[0].pod.annotations.a/b/c: `a/b/c` is no legal key"),
    ("name of a variable", env("A-B"), f"{ENV}.name: `A-B` is no legal name of a variable"),
    (
        "variable that is a setting",
        env("OLLAMA_KEEP_ALIVE"),
        f"{ENV}.name: `OLLAMA_KEEP_ALIVE` is set from `ollama.keepAlive` of the server. Set it there",
    ),
    (
        "variable of the program",
        env("OLLAMA_HOST"),
        f"{ENV}.name: `OLLAMA_HOST` is set by the program, which counts on its value",
    ),
    ("home", env("HOME"), f"{ENV}.name: `HOME` is set by the program"),
    ("prune", env("OLLAMA_NOPRUNE"), f"{ENV}.name: `OLLAMA_NOPRUNE` is set by the program"),
    (
        "variable that nobody reads",
        env("OLLAMA_KEEPALIVE"),
        f"{ENV}.name: no server of this version reads `OLLAMA_KEEPALIVE`. Legal are `OLLAMA_AUTH`",
    ),
    ("no content", env("A", key="a"), f"{ENV}: has no content. Give exactly one of `value`, `secret` and `configMap`"),
    ("two contents", env("A", value="x", secret="s", key="k"), f"{ENV}: has `value`, `secret`. Give exactly one"),
    ("Secret without key", env("A", secret="s"), f"{ENV}.key: is required with `secret`: the key in it"),
    ("ConfigMap without key", env("A", configMap="s"), f"{ENV}.key: is required with `configMap`"),
    ("value with key", env("A", value="x", key="k"), f"{ENV}.key: has no effect with `value`"),
    ("Secret's name", env("A", secret="S", key="k"), f"{ENV}.secret: `S` is no legal name of a Secret"),
    ("ConfigMap's name", env("A", configMap="S", key="k"), f"{ENV}.configMap: `S` is no legal name of a ConfigMap"),
    ("key in it", env("A", secret="s", key="a/b"), f"{ENV}.key: `a/b` is no legal key: letters, digits"),
    (
        "secret by name",
        env("HF_TOKEN", value="hidden-value"),
        f"{ENV}.value: `HF_TOKEN` looks like a secret, and the configuration is stored in clear",
    ),
    (
        "secret in a URL",
        env("HTTPS_PROXY", value="http://user:hidden-value@proxy:3128"),
        f"{ENV}.value: `HTTPS_PROXY` looks like a secret",
    ),
    (
        "variable twice",
        pod(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]),
        "servers[0].pod.env[1].name: `A` is also set at servers[0].pod.env[0].name",
    ),
    ("Secret of many", pod(envFromSecrets=["S"]), "servers[0].pod.envFromSecrets[0]: `S` is no legal name of a Secret"),
    (
        "ConfigMap of many",
        pod(envFromConfigMaps=["a_b"]),
        "servers[0].pod.envFromConfigMaps[0]: `a_b` is no legal name of a ConfigMap",
    ),
)
def test_refusals(raw: dict[str, Any], told: str) -> None:
    check(raw, told)


@pytest.mark.parametrize(
    "name",
    [
        "TOKEN",
        "HF_TOKEN",
        "OPENAI_API_KEY",
        "APIKEY",
        "DB_PASSWORD",
        "MYSECRET",
        "aws_secret_access_key",
        "X_CREDENTIALS",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert looks_secret(name, "x")


@pytest.mark.parametrize(
    "name",
    ["MAX_TOKENS", "TOKENIZERS_PARALLELISM", "SSL_KEY_FILE", "KEYBOARD", "AWS_SECRET_NAME", "CUDA_VISIBLE_DEVICES"],
)
def test_names_that_are_none(name: str) -> None:
    assert not looks_secret(name, "http://proxy:3128/a@b")


def test_a_secret_is_not_repeated_by_what_refuses_it() -> None:
    for variable in ("HF_TOKEN", "HTTPS_PROXY"):
        assert "hidden-value" not in "".join(refusal(env(variable, value="http://u:hidden-value@h")))


@pytest.mark.parametrize("name", FURTHER)
def test_variables_without_a_setting(name: str) -> None:
    assert faults(env(name)) == []


@pytest.mark.parametrize(
    "raw",
    [
        pod(image="registry.example.com:5000/team/ollama:0.17.4-cuda"),
        pod(image=f"ollama/ollama@{DIGEST}"),
        prod(pod={"image": f"docker.io/ollama/ollama:0.17.4@{DIGEST}"}),
        # A newer Ollama may read what this one does not.
        one(pod={"image": "ollama/ollama:0.33.0", "env": [{"name": "OLLAMA_IGPU_ENABLE", "value": "1"}]}),
        pod(imagePullSecrets=["hub"], imagePullPolicy="Always", runtimeClass="nvidia"),
        pod(nodeSelector={"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB", "zone": ""}),
        tolerated(operator="Exists"),
        tolerated(key="nvidia.com/gpu", operator="Exists", effect="NoSchedule"),
        tolerated(key="spot", value="true", effect="NoExecute", tolerationSeconds=0),
        pod(labels={"team": "search", "example.com/cost-centre": "42"}, annotations={"example.com/x": "any text"}),
        pod(terminationGraceSeconds=10),
        env("HF_TOKEN", secret="hub", key="token"),
        env("HTTPS_PROXY", value="http://proxy:3128"),
        env("A", configMap="a.b", key="A_b-c.d"),
        env("A", value=""),
        pod(envFromSecrets=["a"], envFromConfigMaps=["b"], affinity={"podAntiAffinity": {}}),
    ],
)
def test_legal(raw: dict[str, Any]) -> None:
    assert faults(raw) == []
