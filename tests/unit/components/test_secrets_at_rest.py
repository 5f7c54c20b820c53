"""What is said of a cluster from what its API server counts, and from whose nodes it has.

Not proved: that the API server of a cloud shows these samples; the local one does (tests/integration/test_clusters.py).
"""

from collections.abc import Sequence

import pytest

from components.secrets_at_rest import judge

HEAD = """\
# HELP apiserver_storage_transformation_operations_total [ALPHA] Total number of transformations.
# TYPE apiserver_storage_transformation_operations_total counter
"""


def sample(kind: str, prefix: str, resource: str = "secrets", status: str = "OK", count: str = "5") -> str:
    labels = f'resource="{resource}",status="{status}",transformation_type="{kind}",transformer_prefix="{prefix}"'
    return f"apiserver_storage_transformation_operations_total{{{labels}}} {count}\n"


AESCBC = "k8s:enc:aescbc:v1:"


@pytest.mark.parametrize(
    ("metrics", "nodes", "wrote", "state"),
    [
        (sample("to_storage", AESCBC), [""], True, "encrypted"),
        # As Kubernetes 1.34 shows it: the provider, and which of its keys.
        (sample("to_storage", "k8s:enc:secretbox:v1:") + sample("to_storage", "key1:"), [""], True, "encrypted"),
        (sample("to_storage", "k8s:enc:kms:v2:"), ["aws:///eu/i-0"], True, "encrypted"),
        # Old ones are still in clear; what counts is what is written now.
        (sample("to_storage", AESCBC) + sample("from_storage", "identity"), [], True, "encrypted"),
        (sample("from_storage", AESCBC), [], False, "encrypted"),
        (sample("to_storage", ""), [], True, "clear"),
        (sample("to_storage", "") + sample("from_storage", AESCBC), [], True, "clear"),
        (sample("to_storage", AESCBC, resource="configmaps"), [], True, "clear"),
        (sample("to_storage", AESCBC, status="Unknown"), [], True, "clear"),
        (sample("to_storage", AESCBC, count="0"), [], True, "clear"),
        ("", [], True, "clear"),
        ("", [], False, "unknown"),
        (None, [], True, "unknown"),
        (None, ["", "gce://project/zone/node"], True, "byTheCloud"),
        ("", ["azure:///subscriptions/0"], True, "byTheCloud"),
        ("", ["kind://docker/kind/node"], True, "clear"),
    ],
)
def test_states(metrics: str | None, nodes: Sequence[str], *, wrote: bool, state: str) -> None:
    text = None if metrics is None else HEAD + metrics
    found = judge(text, nodes, wrote=wrote)
    assert found.state == state
    assert found.how
