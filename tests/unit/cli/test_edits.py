"""Each command's change of the configuration, down to the character, and that its opposite gives the old bytes back.

Not shown: that the settings then mean what the command says; components/settings and the integration tests do that.
"""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli import edits
from cli.edits import Deploy, Expose
from cli.exits import UsageError
from cli.stack_file import SERVERS
from cli.yaml_text import YamlText

ONE = """\
config:
  # Where all of it goes.
  echorator:servers:
    - name: chat   # the only one
      replicas: 1
      resources:
        requests: {cpu: 250m, memory: 1Gi}   # little
        limits: {cpu: "2", memory: 3Gi}
      storage: 4Gi
      models:
        - name: smollm2:135m
        # it embeds
        - name: all-minilm:22m
"""
TWO = ONE + "    - {name: embed, class: small, models: [{name: all-minilm:22m}]}\n"


def changes(before: str, after: YamlText) -> list[str]:
    lines = difflib.ndiff(before.splitlines(), after.text.splitlines())
    return [f"{line[0]} {line[2:].strip()}" for line in lines if line[0] in "+-"]


def test_a_first_model_makes_a_small_server() -> None:
    after, server = edits.deploy(YamlText("config:\n  echorator:environment: dev\n"), Deploy(model="smollm2:135m"))
    assert server == "chat"
    assert after.text == (
        "config:\n"
        "  echorator:environment: dev\n"
        "  echorator:servers:\n"
        "    - name: chat\n"
        "      replicas: 1\n"
        "      class: small\n"
        "      models:\n"
        "        - name: smollm2:135m\n"
    )


def test_a_further_model_is_one_more_entry() -> None:
    wish = Deploy(model="m:1", source="hf.co/a/b:Q4", digest="sha256:00", preload=True, aliases=("x", "y"))
    after, server = edits.deploy(YamlText(ONE), wish)
    assert server == "chat"
    assert changes(ONE, after) == [
        "+ - name: m:1",
        "+ source: hf.co/a/b:Q4",
        "+ digest: sha256:00",
        "+ preload: true",
        "+ aliases: [x, y]",
    ]


def test_a_model_that_is_there_is_changed_where_it_stands() -> None:
    after, _ = edits.deploy(YamlText(ONE), Deploy(model="registry.ollama.ai/library/smollm2:135m", preload=False))
    assert changes(ONE, after) == ["+ preload: false"]
    again, _ = edits.deploy(after, Deploy(model="smollm2:135m", preload=False))
    assert again.text == after.text


def test_an_alias_is_added_once() -> None:
    first, _ = edits.deploy(YamlText(ONE), Deploy(model="smollm2:135m", aliases=("a",)))
    second, _ = edits.deploy(first, Deploy(model="smollm2:135m", aliases=("a", "b")))
    assert changes(ONE, second) == ["+ aliases: [a, b]"]


def test_replicas_and_storage_class_are_the_server_s() -> None:
    after, _ = edits.deploy(
        YamlText(ONE), Deploy(model="smollm2:135m", replicas=0, storage="8Gi", storage_class="fast")
    )
    assert changes(ONE, after) == [
        "- replicas: 1",
        "+ replicas: 0",
        "- storage: 4Gi",
        "+ storage: 8Gi",
        "+ volume: {storageClass: fast}",
    ]


def test_a_class_takes_the_place_of_numbers_and_back() -> None:
    small, _ = edits.deploy(YamlText(ONE), Deploy(model="smollm2:135m", size="small"))
    assert small.get((*SERVERS, 0, "class")) == "small"
    assert small.get((*SERVERS, 0, "resources")) is None
    numbers, _ = edits.deploy(small, Deploy(model="smollm2:135m", cpu="2", memory="4Gi"))
    assert numbers.get((*SERVERS, 0, "class")) is None
    amounts = {"cpu": "2", "memory": "4Gi"}
    assert numbers.get((*SERVERS, 0, "resources")) == {"requests": amounts, "limits": amounts}


def test_memory_alone_keeps_the_cpu_that_is_there_and_needs_one() -> None:
    after, _ = edits.deploy(YamlText(ONE), Deploy(model="smollm2:135m", memory="4Gi"))
    assert after.get((*SERVERS, 0, "resources", "limits")) == {"cpu": "2", "memory": "4Gi"}
    with pytest.raises(UsageError, match="--cpu"):
        edits.deploy(YamlText(""), Deploy(model="m", memory="4Gi"))


def test_of_several_servers_the_one_that_has_the_model_is_meant() -> None:
    _, server = edits.deploy(YamlText(TWO), Deploy(model="smollm2:135m", preload=True))
    assert server == "chat"
    with pytest.raises(UsageError, match="several") as failure:
        edits.deploy(YamlText(TWO), Deploy(model="all-minilm:22m"))
    assert "`chat`, `embed`" in failure.value.hint
    after, server = edits.deploy(YamlText(TWO), Deploy(model="new:1", server="embed"))
    assert server == "embed"
    assert changes(TWO, after)[1].endswith("models: [{name: all-minilm:22m}, {name: new:1}]}")


@pytest.mark.parametrize("model", ["", "a b", "@x", "a:b:c/d e"])
def test_a_name_that_is_none_is_refused(model: str) -> None:
    with pytest.raises(UsageError):
        edits.deploy(YamlText(ONE), Deploy(model=model))


def test_exposing_sets_what_is_said_and_clears_what_no_longer_counts() -> None:
    port = edits.expose(
        YamlText(ONE), Expose(server="chat", type="NodePort", node_port=30080, source_ranges=("10.0.0.0/8",))
    )
    assert changes(ONE, port) == ["+ expose: {type: NodePort, sourceRanges: [10.0.0.0/8], nodePort: 30080}"]
    balancer = edits.expose(port, Expose(server="chat", type="LoadBalancer"))
    assert balancer.get((*SERVERS, 0, "expose")) == {"type": "LoadBalancer", "sourceRanges": ["10.0.0.0/8"]}
    inside = edits.expose(balancer, Expose(server="chat", type="ClusterIP"))
    assert inside.get((*SERVERS, 0, "expose")) == {"type": "ClusterIP"}


def test_ingress_and_gateway() -> None:
    wish = Expose(
        server="chat",
        ingress_host="chat.example.org",
        tls_secret="chat-tls",
        class_name="nginx",
        gateway="edge",
        gateway_host="chat.example.net",
        gateway_namespace="gateways",
        section="https",
        from_namespaces=("ingress",),
    )
    assert edits.expose(YamlText(ONE), wish).get((*SERVERS, 0, "expose")) == {
        "fromNamespaces": ["ingress"],
        "ingress": {"host": "chat.example.org", "tlsSecret": "chat-tls", "className": "nginx"},
        "gateway": {"host": "chat.example.net", "gateway": "edge", "namespace": "gateways", "section": "https"},
    }


def test_taking_a_model_away_leaves_all_comments_but_its_own() -> None:
    after, server = edits.undeploy_model(YamlText(ONE), "all-minilm:22m", None)
    assert server == "chat"
    assert changes(ONE, after) == ["- - name: all-minilm:22m"]


def test_taking_away_what_is_not_there_or_is_there_twice() -> None:
    with pytest.raises(UsageError, match="no server has") as failure:
        edits.undeploy_model(YamlText(ONE), "other:1", None)
    assert failure.value.hint == "there are: `smollm2:135m`, `all-minilm:22m`"
    with pytest.raises(UsageError, match="several servers: `chat`, `embed`"):
        edits.undeploy_model(YamlText(TWO), "all-minilm:22m", None)
    with pytest.raises(UsageError, match="no server `nobody`") as failure:
        edits.undeploy_server(YamlText(TWO), "nobody")
    assert failure.value.hint == "there are: `chat`, `embed`"
    with pytest.raises(UsageError, match="`embed` does not have"):
        edits.undeploy_model(YamlText(TWO), "smollm2:135m", "embed")


def test_retaining_and_pinning_are_the_model_s() -> None:
    kept = edits.retain_model(YamlText(TWO), "all-minilm:22m", "chat")
    pinned = edits.pin(kept, "all-minilm:22m", "chat", "sha256:ab")
    assert changes(TWO, pinned) == ["+ retain: true", "+ digest: sha256:ab"]


NAMES = st.from_regex(r"new[a-z0-9]{0,8}(:[a-z0-9]{1,5})?", fullmatch=True)


@settings(deadline=None)
@given(st.sampled_from(["", "config:\n  echorator:environment: dev # x\n", ONE, TWO]), NAMES)
def test_a_model_deployed_and_undeployed_leaves_the_same_bytes(text: str, model: str) -> None:
    new = not edits.servers(YamlText(text))
    after, server = edits.deploy(YamlText(text), Deploy(model=model, server=None if new else "chat"))
    if new:
        back = edits.undeploy_server(after, server)
        assert back.text == text or (text == "" and back.text == "config: {}\n")
    else:
        assert edits.undeploy_model(after, model, None)[0].text == text


@settings(deadline=None)
@given(st.sampled_from(["chat", "embed"]), st.sampled_from(["NodePort", "LoadBalancer"]), st.booleans())
def test_a_server_exposed_and_concealed_leaves_the_same_bytes(server: str, kind: str, ranges: bool) -> None:
    wish = Expose(server=server, type=kind, source_ranges=("10.0.0.0/8",) if ranges else (), ingress_host="h.example")
    assert edits.conceal(edits.expose(YamlText(TWO), wish), server).text == TWO
