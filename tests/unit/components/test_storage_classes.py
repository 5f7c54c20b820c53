"""Each driver's class, judged by the policy pack's own rules: all that say so encrypt, and a broken one is noticed.

Not proved: that a driver does what its documentation says of these parameters.
"""

from collections.abc import Mapping

import pytest

from components import storage_classes
from components.settings.cluster import SecretSettings, StorageSettings
from components.storage_classes import DRIVERS
from tests.policies.support import broken, resources

SECRET = SecretSettings(name="csi", namespace="storage")


def settings_of(driver: str) -> StorageSettings:
    known = DRIVERS[driver]
    return StorageSettings.model_validate(
        {
            "driver": driver,
            "key": "a-key" if known.key is not None else None,
            "secret": SECRET.model_dump() if known.secrets else None,
            "parameters": dict.fromkeys(known.needed, "x"),
        }
    )


def violations(driver: str, without: str | None = None) -> list[str]:
    body = storage_classes.storage_class("team", settings_of(driver), {"app.kubernetes.io/part-of": "echorator"})
    body["parameters"] = {key: value for key, value in body["parameters"].items() if key != without}
    return [one.check.id for one in broken(resources([body]))]


@pytest.mark.parametrize("driver", [name for name, known in DRIVERS.items() if known.encrypts])
def test_the_policy_pack_agrees_that_it_encrypts(driver: str) -> None:
    assert violations(driver) == []


def test_the_policy_pack_agrees_that_local_path_does_not() -> None:
    assert violations("localPath") == ["encryption-storage-class"]


@pytest.mark.parametrize("driver", ["ebs", "cephRbd", "longhorn"])
def test_without_its_parameter_it_would_be_noticed(driver: str) -> None:
    assert "encryption-storage-class" in violations(driver, without="encrypted")


@pytest.mark.parametrize(
    ("driver", "expected"),
    [
        ("ebs", {"type": "gp3", "encrypted": "true", "kmsKeyId": "a-key"}),
        ("gcePd", {"type": "pd-balanced", "disk-encryption-kms-key": "a-key"}),
        ("azureDisk", {"skuName": "Premium_LRS", "diskEncryptionSetID": "a-key"}),
    ],
)
def test_parameters_of_clouds(driver: str, expected: Mapping[str, str]) -> None:
    assert storage_classes.parameters(settings_of(driver)) == expected


def test_secrets_go_to_each_step() -> None:
    found = storage_classes.parameters(settings_of("longhorn"))
    steps = ("provisioner", "node-publish", "node-stage", "node-expand")
    assert found == {
        "encrypted": "true",
        **{f"csi.storage.k8s.io/{step}-secret-name": "csi" for step in steps},
        **{f"csi.storage.k8s.io/{step}-secret-namespace": "storage" for step in steps},
    }


def test_a_kind_of_disk_can_be_chosen() -> None:
    chosen = StorageSettings(driver="ebs", parameters={"type": "io2", "iops": "4000"})
    assert storage_classes.parameters(chosen) == {"type": "io2", "encrypted": "true", "iops": "4000"}


@pytest.mark.parametrize(
    ("storage", "name"),
    [
        (StorageSettings(driver="gcePd"), "team-gce-pd"),
        (StorageSettings(driver="ebs"), "team-ebs"),
        (StorageSettings(driver="ebs", name="fast"), "fast"),
    ],
)
def test_names(storage: StorageSettings, name: str) -> None:
    assert storage_classes.name_of("team", storage) == name
