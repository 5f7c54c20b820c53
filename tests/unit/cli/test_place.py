"""Which clusters a command looks at, and which servers it looks for on each.

Not proved: what is found there, which the tests on the local cluster show.
"""

from pathlib import Path
from typing import Any

import pytest

from cli.exits import CliError
from cli.place import Place
from components.settings import stack as settings
from tests.support.settings_cases import server
from tests.unit.components.conftest import write_kubeconfig


@pytest.fixture
def place(tmp_path: Path) -> Place:
    urls = {"e": "https://10.0.0.1", "w": "https://10.0.0.2"}
    path = write_kubeconfig(tmp_path / "kubeconfig", urls, "e")
    return Place("prod", tmp_path / "Pulumi.prod.yaml", {"KUBECONFIG": str(path)}, None)


def parts(place: Place, raw: dict[str, Any]) -> dict[str, list[str]]:
    found = place.parts(settings.validate(raw))
    return {context.name: [one.name for one in part.servers] for context, part in found}


def test_one_cluster_has_all(place: Place) -> None:
    far = {"name": "far", "url": "http://h:1"}
    assert parts(place, {"servers": [server(), far]}) == {"e": ["chat", "far"]}


def test_each_cluster_has_its_own_and_the_primary_one_what_runs_elsewhere(place: Place) -> None:
    clusters = [{"name": "east", "context": "e"}, {"name": "west", "context": "w", "role": "primary"}]
    listed = [server(), server(name="b", cluster="east"), {"name": "far", "url": "http://h:1"}]
    found = parts(place, {"clusters": clusters, "servers": listed})
    assert found == {"w": ["chat", "far"], "e": ["b"]}
    assert list(found) == ["w", "e"]


def test_a_lost_cluster_is_not_looked_at(place: Place) -> None:
    clusters = [{"name": "east", "context": "e", "lost": True}, {"name": "west", "context": "w", "role": "primary"}]
    assert list(parts(place, {"clusters": clusters})) == ["w"]


def test_a_cluster_that_is_still_made_is_told(place: Place) -> None:
    made = {"management": "e", "infrastructure": "docker", "version": "v1.34.4"}
    with pytest.raises(CliError, match="none of the stack's clusters can be reached yet"):
        parts(place, {"cluster": {"mode": "clusterApi", "clusterApi": made}})
