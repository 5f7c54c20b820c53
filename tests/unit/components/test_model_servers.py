"""The component for other languages: what it registers, its schema, and what it refuses.

That an engine starts it for a program in YAML is shown in tests/integration/test_package.py.
"""

import json
from typing import Any, cast

import pulumi
import pytest
from pulumi.provider.experimental.component import ComponentProvider

from components.model_servers import ModelServers, ModelServersArgs, whole_numbers
from components.settings.stack import Settings
from tests.support.pulumi_mocks import Seen, deploy
from tests.support.settings_cases import server
from tests.unit.components.test_program import program

pytestmark = pytest.mark.usefixtures("local_kubeconfig")


def component(name: str, **settings: Any) -> Seen:
    return deploy(lambda: ModelServers(name, cast("ModelServersArgs", settings)))


def test_it_registers_what_the_program_does() -> None:
    seen = component("team", servers=[server(replicas=2.0)])
    alone = deploy(program, config={"echorator:servers": json.dumps([server(replicas=2)])})
    names = {(kind, name.removeprefix("team-")) for kind, name in seen if kind != "echorator:index:ModelServers"}
    assert names == set(alone)
    assert len(seen) == len(alone) + 1
    assert all(name.startswith("team") for _, name in seen)


def test_the_schema_has_each_setting_and_requires_none() -> None:
    schema = json.loads(cast("Any", ComponentProvider([ModelServers], "echorator", None, "1.0.0")).schema)
    resource = schema["resources"]["echorator:index:ModelServers"]
    assert set(resource["inputProperties"]) == {field.alias for field in Settings.model_fields.values()}
    assert resource["requiredInputs"] == []
    assert all(one["description"] for one in resource["inputProperties"].values())


def test_faults_stop_before_anything_is_registered() -> None:
    registered: Seen = {}
    with pytest.raises(pulumi.RunError, match="2 faults; nothing was deployed"):
        registered = component("team", servers=[server(storage="x")], cluster={"context": "elsewhere"})
    assert registered == {}


def test_numbers_between_languages() -> None:
    assert whole_numbers({"a": [1.0, 2.5, True, "3.0"]}) == {"a": [1, 2.5, True, "3.0"]}


def test_an_output_is_no_setting() -> None:
    def told() -> None:
        later = cast("ModelServersArgs", {"servers": [server(storage=pulumi.Output.from_input("4Gi"))]})
        ModelServers("team", later)

    with pytest.raises(pulumi.RunError, match="Settings must be known before anything is made"):
        deploy(told)
