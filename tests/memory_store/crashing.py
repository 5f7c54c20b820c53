"""The end of a database, as a crash of its machine brings it."""

from __future__ import annotations

from tests.support.containers import kill_processes
from tests.support.kube import Kube


def crash(kube: Kube, namespace: str, pod: str) -> None:
    """SIGKILL every process of a database, then take its pod away.

    The pod alone, without grace, would be no crash but worse: the next one starts while the old server still shuts
    down, both on one volume, and what the old one acknowledges meanwhile is lost. The processes alone would be
    restarted, after pauses that grow with each kill.
    """
    kill_processes(kube, namespace, pod, "postgres")
    kube.delete(f"/api/v1/namespaces/{namespace}/pods/{pod}", grace_s=0)
