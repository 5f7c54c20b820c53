"""What `make up` says is there and true to the list; the stack's file follows the cluster.

Not proved: that the list is complete.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from toolchain import paths
from toolchain.reduced import bring, stack
from toolchain.reduced.cluster import Reduced, ReducedCluster
from toolchain.reduced.errors import ReducedError
from toolchain.reduced.reductions import WHAT_IS_REDUCED

CLUSTER = ReducedCluster(Path("kubeconfig"), "echorator-0123abcd", "http://127.0.0.1:20001", "127.0.0.1:20002")


def test_every_reduction_is_said() -> None:
    text = bring.said()
    assert all(one in text for one in WHAT_IS_REDUCED)
    for word in ("NetworkPolicies", "probes", "Volumes", "Pod Security", "One Ollama process", "No container runs"):
        assert word in text


def test_the_stack_file_names_the_cluster(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.reduced.yaml"
    bring.write_stack(file, CLUSTER)
    assert file.read_text() == stack.render(20001, 20002)
    file.write_text("config: {}\n")
    with pytest.raises(ReducedError, match=r"Pulumi\.reduced\.yaml"):
        bring.write_stack(file, CLUSTER)


def test_without_tools_it_can_be_looked_at_and_ended() -> None:
    found = bring.of_checkout()
    assert isinstance(found, Reduced)
    assert found.layout.state == paths.state_dir() / "reduced"
    assert found.layout.name == f"echorator-{paths.checkout_id()}"
