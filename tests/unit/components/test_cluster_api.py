"""Objects of Cluster API: names that follow content, references that lead somewhere, Secrets that are encrypted.

That an API server with the real resources takes them is shown in tests/integration/test_cluster_api.py; not shown is
what Cluster API makes of them.
"""

import base64
import json
from collections.abc import Iterator
from typing import Any, cast

import pytest

from components import cluster_api
from components.cluster_api import ApiCluster
from components.cluster_api_infrastructure import INFRASTRUCTURES
from components.settings.cluster_api import MadeClusterSettings

CLOUD = {"region": "r", "project": "p", "subscription": "s", "identity": "i", "sshKey": "k"}


def made(infrastructure: str = "aws", **changes: Any) -> ApiCluster:
    known = INFRASTRUCTURES[infrastructure]
    machine = {"machine": "m"} if known.machines else {}
    settings = {
        "management": "m",
        "infrastructure": infrastructure,
        "version": "v1.34.4",
        **{key: value for key, value in CLOUD.items() if key in (*known.needed, *known.optional)},
        "controlPlane": machine,
        "workers": [
            {"name": "cpu", **machine},
            {"name": "gpu", **machine, "labels": {"b": "2", "a": "1"}, "taints": [{"key": "nvidia.com/gpu"}]},
        ],
        **changes,
    }
    return cluster_api.objects("team-east", "there", MadeClusterSettings.model_validate(settings), {"l": "v"})


def references(value: object) -> Iterator[tuple[str, str, str]]:
    """Every `templateRef` within a value."""
    if isinstance(value, dict):
        for key, one in cast("dict[str, Any]", value).items():
            if key == "templateRef":
                yield one["apiVersion"], one["kind"], one["name"]
            yield from references(one)
    elif isinstance(value, list):
        for one in cast("list[Any]", value):
            yield from references(one)


@pytest.mark.parametrize("infrastructure", INFRASTRUCTURES)
def test_each_reference_leads_to_a_template_and_each_template_is_used(infrastructure: str) -> None:
    found = made(infrastructure)
    there = {(one["apiVersion"], one["kind"], one["metadata"]["name"]) for one in found.templates.values()}
    assert set(references(found.cluster_class)) == there
    assert len(there) == 3 + 2 * 2


def test_a_change_makes_another_template_and_leaves_the_others() -> None:
    before = {part: one["metadata"]["name"] for part, one in made().templates.items()}
    workers = [{"name": "cpu", "machine": "larger"}, {"name": "gpu", "machine": "m", "replicas": 9}]
    after = {part: one["metadata"]["name"] for part, one in made(workers=workers).templates.items()}
    # The second group lost its labels and taints.
    assert {part for part in before if before[part] != after[part]} == {"cpu-machines", "gpu-bootstrap"}


def test_a_count_or_version_changes_no_template() -> None:
    workers = [{"name": "cpu", "machine": "m", "replicas": 7}]
    few, many = made(workers=[{"name": "cpu", "machine": "m"}]), made(workers=workers, version="v1.35.0")
    assert few.templates == many.templates
    assert few.cluster_class == many.cluster_class
    assert many.cluster["spec"]["topology"]["version"] == "v1.35.0"
    assert many.cluster["spec"]["topology"]["workers"]["machineDeployments"] == [
        {"class": "cpu", "name": "cpu", "replicas": 7}
    ]


def test_labels_and_taints_of_nodes() -> None:
    [_, gpu] = [one for part, one in made("docker").templates.items() if part.endswith("-bootstrap")]
    registration = gpu["spec"]["template"]["spec"]["joinConfiguration"]["nodeRegistration"]
    assert registration == {
        "kubeletExtraArgs": [{"name": "node-labels", "value": "a=1,b=2"}],
        "taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}],
    }


def test_the_api_server_encrypts_secrets_first_and_reads_clear_ones() -> None:
    key = base64.b64encode(bytes(32)).decode()
    [rule] = json.loads(cluster_api.encryption(key))["resources"]
    assert rule["resources"] == ["secrets"]
    assert [next(iter(one)) for one in rule["providers"]] == ["secretbox", "identity"]
    spec = made().templates["control-plane"]["spec"]["template"]["spec"]["kubeadmConfigSpec"]
    [argument] = spec["clusterConfiguration"]["apiServer"]["extraArgs"]
    [file] = spec["files"]
    assert argument == {"name": "encryption-provider-config", "value": file["path"]}
    assert file["contentFrom"]["secret"] == {"name": "team-east-encryption", "key": "config.json"}


def test_machines_of_clouds_are_closed() -> None:
    aws = made("aws").templates["cpu-machines"]["spec"]["template"]["spec"]
    assert aws["rootVolume"]["encrypted"] is True
    assert aws["instanceMetadataOptions"] == {"httpTokens": "required", "httpPutResponseHopLimit": 1}
    gcp = made("gcp").templates["cpu-machines"]["spec"]["template"]["spec"]
    assert gcp["publicIP"] is False
    assert gcp["shieldedInstanceConfig"]["secureBoot"] == "Enabled"
