"""The pack as Pulumi's engine and Pulumi's SDK see it: levels, parameters, unknowns, secrets, fixes, and its time.

The requests are those of the engine's protocol, sent to the pack's service in this process. That an engine starts the
pack and stops at its violations is shown by test_engine.py.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Mapping
from typing import Any, cast

import grpc
import pulumi_policy as sdk
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime import proto
from pulumi_policy import deserialize, proxy

from policies import docs
from policies.catalog import CHECKS, misnamed
from policies.pack import POLICIES
from policies.remedies import REMEDIES
from policies.server import Servicer
from policies.wire import OUTPUT, SECRET, SENTINELS, SIGNATURE
from tests.policies.objects import TEMPLATE, changed, deployment, grants, named, role, workload
from tests.policies.support import pack_config

UNKNOWN = min(SENTINELS)
PRIVILEGED = deployment({"spec/containers/0/securityContext/privileged": True})
LIMIT_S = 2.0


class RefusedError(Exception):
    """What the service answered instead."""


class Call:
    """Stands for gRPC's own context."""

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise RefusedError(f"{code.name}: {details}")


def service(
    config: Mapping[str, Any] | None = None, *, stack: str = "prod", settings: Mapping[str, str] | None = None
) -> Servicer:
    """The pack's service, configured as the engine does it."""
    found = Servicer()
    request = proto.ConfigureAnalyzerRequest()
    levels = {
        "mandatory": proto.MANDATORY,
        "advisory": proto.ADVISORY,
        "disabled": proto.DISABLED,
        "remediate": proto.REMEDIATE,
    }
    for name, given in (config or {}).items():
        parameters = {"enforcementLevel": given} if isinstance(given, str) else dict(given)
        request.policyConfig[name].enforcementLevel = levels[parameters.pop("enforcementLevel", "mandatory")]
        request.policyConfig[name].properties.update(parameters)
    found.ConfigureStack(proto.AnalyzerStackConfigureRequest(stack=stack, project="p", config=settings or {}), Call())
    found.Configure(request, Call())
    return found


def request(body: Mapping[str, Any], token: str | None = None) -> Any:
    kind = token or f"kubernetes:{body['apiVersion']}:{body['kind']}"
    found = proto.AnalyzeRequest(type=kind, name="it", urn=f"urn:pulumi:prod::p::{kind}::it")
    found.properties.update(cast("dict[str, Any]", body))
    return found


def told(response: Any) -> dict[str, Any]:
    return {one.policyName: one for one in response.diagnostics}


def test_every_check_and_fix_is_a_policy() -> None:
    assert [one.name for one in POLICIES] == [*(one.id for one in CHECKS), *(one.id for one in REMEDIES)]
    info = service().GetAnalyzerInfo(None, Call())
    assert len(info.policies) == len(POLICIES)
    by_name = {one.name: one for one in info.policies}
    assert by_name["fix-seccomp"].enforcementLevel == proto.DISABLED
    shown = by_name["supply_chain-registry"]
    assert (shown.severity, shown.enforcementLevel) == (proto.POLICY_SEVERITY_HIGH, proto.MANDATORY)
    assert shown.url.startswith("https://")
    assert shown.remediation_steps
    assert "docker.io/ollama/" in json.dumps(struct_to_dict(shown.configSchema.properties))


def test_a_violation_is_reported_with_its_level() -> None:
    found = told(service().Analyze(request(PRIVILEGED), Call()))["workload-privileged"]
    assert found.enforcementLevel == proto.MANDATORY
    assert found.urn == "urn:pulumi:prod::p::kubernetes:apps/v1:Deployment::it"
    assert "spec.template.spec.containers[0].securityContext.privileged: is true" in found.message
    assert "Fix: " in found.message
    advisory = told(service({"workload-privileged": "advisory"}).Analyze(request(PRIVILEGED), Call()))
    assert advisory["workload-privileged"].enforcementLevel == proto.ADVISORY
    # A check repairs nothing, so this level is the strict one.
    strict = told(service({"workload-privileged": "remediate"}).Analyze(request(PRIVILEGED), Call()))
    assert strict["workload-privileged"].enforcementLevel == proto.MANDATORY
    assert "workload-privileged" not in told(
        service({"workload-privileged": "disabled"}).Analyze(request(PRIVILEGED), Call())
    )


def test_parameters_and_environment() -> None:
    body = deployment({"spec/containers/0/image": "registry.example.com/a/b:1"})
    assert {"supply_chain-registry", "supply_chain-digest"} <= set(told(service().Analyze(request(body), Call())))
    config = {"supply_chain-registry": {"allowed": ["registry.example.com/a/"]}}
    assert "supply_chain-registry" not in told(service(config).Analyze(request(body), Call()))
    dev = service(None, settings={"p:environment": "dev"})
    assert "supply_chain-digest" not in told(dev.Analyze(request(body), Call()))


def test_a_key_that_is_no_policy_stops_the_command() -> None:
    with pytest.raises(RefusedError, match="INVALID_ARGUMENT: no such policy: workload-priviliged"):
        service({"workload-priviliged": "advisory", "all": "mandatory"})
    assert misnamed(["all", "fix-seccomp", "rbac-masters"]) == []


def test_the_stack_as_a_whole() -> None:
    def whole(*bodies: Mapping[str, Any]) -> set[str]:
        found = proto.AnalyzeStackRequest()
        for index, body in enumerate(bodies):
            one = request(body)
            added = found.resources.add(type=one.type, name=f"r{index}", urn=f"{one.urn}-{index}")
            added.properties.CopyFrom(one.properties)
        return set(told(service().AnalyzeStack(found, Call())))

    space = named("v1", "Namespace", {}, name="team", namespace=None)
    deny = named(
        "networking.k8s.io/v1", "NetworkPolicy", {"spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}}
    )
    assert "network-default-deny" in whole(space)
    assert "network-default-deny" not in whole(space, deny)


def wrapped(value: Any) -> dict[str, Any]:
    return {SIGNATURE: SECRET, "value": value}


def test_a_secret_is_known_for_one_and_not_shown() -> None:
    body = deployment({"spec/containers/0/env": [{"name": "INNOCENT", "value": wrapped("hunter2hunter2")}]})
    found = told(service().Analyze(request(body), Call()))["encryption-secret-in-env"]
    assert "what the stack holds as a secret" in found.message
    assert "hunter2" not in found.message
    # A whole map that is one secret, and an output that is none yet.
    data = named("v1", "ConfigMap", {"data": wrapped({"a": "x"}), "more": {SIGNATURE: OUTPUT}})
    assert "encryption-secret-in-config-map" in told(service().Analyze(request(data), Call()))


def test_an_unknown_hides_nothing() -> None:
    body = deployment(
        {
            "spec/containers/0/env": [{"name": UNKNOWN, "value": UNKNOWN}],
            "spec/containers/0/image": UNKNOWN,
            "spec/volumes": UNKNOWN,
            "spec/containers/0/securityContext/privileged": True,
        }
    )
    found = told(service().Analyze(request(body), Call()))
    assert found["workload-privileged"].enforcementLevel == proto.MANDATORY
    assert "supply_chain-latest" not in found


def by_sdk(body: Mapping[str, Any], kind: str = "kubernetes:apps/v1:Deployment") -> list[str]:
    """What the policies report when the SDK's own server would run them: behind proxies that raise at unknowns."""
    found: list[str] = []
    args = sdk.ResourceValidationArgs(
        kind,
        proxy.unknown_checking_proxy(deserialize.deserialize_properties(dict(body))),
        f"urn:pulumi:prod::p::{kind}::it",
        "it",
        cast("Any", None),
        None,
    )
    for policy in POLICIES:
        if (
            isinstance(policy, sdk.ResourceValidationPolicy)
            and policy.has_validation()
            and not policy.has_remediation()
        ):
            policy.validate(args, lambda _text, _urn=None, name=policy.name: found.append(name))
    return found


def test_the_policies_work_under_the_sdk_too() -> None:
    body = deployment({"spec/containers/0/image": UNKNOWN, "spec/containers/0/securityContext/privileged": True})
    assert by_sdk(body) == ["workload-privileged"]
    reads = role(grants("", "secrets", "get"), UNKNOWN)  # type: ignore[arg-type]
    assert by_sdk(reads, "kubernetes:rbac.authorization.k8s.io/v1:Role") == ["rbac-read-secrets"]


@pytest.mark.parametrize(
    ("remedy", "body"),
    [
        ("fix-privilege-escalation", deployment({"spec/containers/0/securityContext": {"privileged": wrapped(False)}})),
        (
            "fix-privilege-escalation",
            workload("CronJob", changed(TEMPLATE, {"spec/initContainers": [{"name": "i", "image": UNKNOWN}]})),
        ),
        ("fix-seccomp", deployment({"spec/securityContext": {"runAsUser": wrapped(7)}})),
        (
            "fix-seccomp",
            {"apiVersion": "v1", "kind": "List", "items": [deployment({"spec/securityContext": {"runAsUser": 7}})]},
        ),
        (
            "fix-service-links",
            deployment({"spec/enableServiceLinks": True})
            | {"spec": wrapped({"template": {"spec": {"containers": []}}})},
        ),
        ("fix-account-token", named("v1", "ServiceAccount", {"secrets": wrapped([{"name": "a"}])})),
    ],
)
def test_fixes(remedy: str, body: dict[str, Any]) -> None:
    """The check is satisfied afterwards, nothing else changes, and what was secret or unknown still is."""
    check = next(one.fixes[0] for one in REMEDIES if one.id == remedy)
    found = service({remedy: "remediate"})
    before = copy.deepcopy(body)
    assert check in told(found.Analyze(request(body), Call()))
    (done,) = cast("list[Any]", found.Remediate(request(body), Call()).remediations)
    assert (done.policyName, done.diagnostic) == (remedy, "")
    after = proto.AnalyzeRequest(type=request(body).type, name="it", urn=request(body).urn)
    after.properties.CopyFrom(done.properties)
    assert check not in told(found.Analyze(after, Call()))
    text = json.dumps(struct_to_dict(done.properties))
    for marker in (SECRET, UNKNOWN):
        assert text.count(marker) == json.dumps(before).count(marker)
    assert not found.Remediate(after, Call()).remediations


def struct_to_dict(properties: struct_pb2.Struct) -> Any:
    from google.protobuf import json_format  # noqa: PLC0415

    return json_format.MessageToDict(properties)


def test_a_fix_is_off_by_default() -> None:
    assert not service().Remediate(request(deployment({"spec/securityContext": {}})), Call()).remediations


def test_a_fix_leaves_alone_what_is_not_known() -> None:
    found = service({"fix-seccomp": "remediate", "fix-privilege-escalation": "remediate"})
    body = deployment({"spec/securityContext": UNKNOWN, "spec/containers/0/securityContext": UNKNOWN})
    assert not found.Remediate(request(body), Call()).remediations


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_committed_configuration_names_policies(stack: str) -> None:
    assert misnamed(list(pack_config(stack))) == []


def test_the_page_is_up_to_date() -> None:
    assert docs.main(["--check"]) == 0


def test_a_thousand_resources_take_less_than_two_seconds() -> None:
    """Pods of four kinds, roles, policies and ConfigMaps, as the engine sends them, and then the whole stack."""
    bodies = [
        *(workload(kind, TEMPLATE) for kind in ("Deployment", "StatefulSet", "CronJob", "DaemonSet")),
        role(*(grants("", name, "get", "list", "watch") for name in ("pods", "services", "events"))),
        named(
            "networking.k8s.io/v1", "NetworkPolicy", {"spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}}
        ),
        named("v1", "ConfigMap", {"data": {"config.yaml": "a: b\n" * 200}}),
        named("v1", "Service", {"spec": {"ports": [{"port": 80}]}}),
    ]
    requests = [request(bodies[index % len(bodies)]) for index in range(1000)]
    whole = proto.AnalyzeStackRequest()
    for index, one in enumerate(requests):
        whole.resources.add(type=one.type, name=f"r{index}", urn=f"{one.urn}-{index}").properties.CopyFrom(
            one.properties
        )
    found = service()
    begin = time.process_time()
    for one in requests:
        found.Analyze(one, Call())
    middle = time.process_time()
    found.AnalyzeStack(whole, Call())
    end = time.process_time()
    print(f"\n1,000 resources: {middle - begin:.2f} s one by one, {end - middle:.2f} s as a stack, of processor time")
    assert end - begin < LIMIT_S
