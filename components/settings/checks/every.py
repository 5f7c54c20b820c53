"""What types alone cannot say about the stack configuration: formats, and combinations that make no sense.

The checks stand beside this file, by theme. Each takes the raw data and passes over what has the wrong type,
which `shape_faults` of `components.settings.faults` reports.
"""

from components.settings.checks import (
    cluster_api,
    clusters,
    cpu,
    create,
    echo,
    expose,
    gpu,
    memory,
    models,
    monitoring,
    ollama,
    pod,
    scaling,
    servers,
    stack,
    store,
    template,
)
from components.settings.faults import Fault
from components.settings.raw import Check, Raw, ServerCheck
from components.settings.raw import servers as servers_of

_CHECKS: tuple[Check, ...] = (
    *stack.CHECKS,
    *clusters.CHECKS,
    *cluster_api.CHECKS,
    *store.CHECKS,
    *memory.CHECKS,
    *monitoring.CHECKS,
    *servers.CHECKS,
    *models.CHECKS,
    *expose.CHECKS,
    *pod.CHECKS,
    *gpu.CHECKS,
    *cpu.CHECKS,
    *echo.CHECKS,
)
_SERVER_CHECKS: tuple[ServerCheck, ...] = (
    *servers.SERVER_CHECKS,
    *models.SERVER_CHECKS,
    *create.SERVER_CHECKS,
    *ollama.SERVER_CHECKS,
    *expose.SERVER_CHECKS,
    *pod.SERVER_CHECKS,
    *template.SERVER_CHECKS,
    *gpu.SERVER_CHECKS,
    *scaling.SERVER_CHECKS,
)


def faults(raw: Raw) -> list[Fault]:
    """Every fault in the whole configuration that is not one of shape."""
    found: list[Fault] = []
    for check in _CHECKS:
        found += check(raw)
    for path, server in servers_of(raw):
        for check_server in _SERVER_CHECKS:
            found += check_server(path, server)
    return found
