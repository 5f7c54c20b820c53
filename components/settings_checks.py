"""What types alone cannot say about the stack configuration: formats, and combinations that make no sense.

The checks stand in `settings_checks_*`, by theme. Each takes the raw data and passes over what has the wrong type,
which `settings_faults.shape_faults` reports.
"""

from components import (
    settings_checks_cluster_api,
    settings_checks_clusters,
    settings_checks_cpu,
    settings_checks_create,
    settings_checks_echo,
    settings_checks_expose,
    settings_checks_gpu,
    settings_checks_memory,
    settings_checks_models,
    settings_checks_monitoring,
    settings_checks_ollama,
    settings_checks_pod,
    settings_checks_scaling,
    settings_checks_servers,
    settings_checks_stack,
    settings_checks_store,
    settings_checks_template,
)
from components.settings_faults import Fault
from components.settings_raw import Check, Raw, ServerCheck, servers

_CHECKS: tuple[Check, ...] = (
    *settings_checks_stack.CHECKS,
    *settings_checks_clusters.CHECKS,
    *settings_checks_cluster_api.CHECKS,
    *settings_checks_store.CHECKS,
    *settings_checks_memory.CHECKS,
    *settings_checks_monitoring.CHECKS,
    *settings_checks_servers.CHECKS,
    *settings_checks_models.CHECKS,
    *settings_checks_expose.CHECKS,
    *settings_checks_pod.CHECKS,
    *settings_checks_gpu.CHECKS,
    *settings_checks_cpu.CHECKS,
    *settings_checks_echo.CHECKS,
)
_SERVER_CHECKS: tuple[ServerCheck, ...] = (
    *settings_checks_servers.SERVER_CHECKS,
    *settings_checks_models.SERVER_CHECKS,
    *settings_checks_create.SERVER_CHECKS,
    *settings_checks_ollama.SERVER_CHECKS,
    *settings_checks_expose.SERVER_CHECKS,
    *settings_checks_pod.SERVER_CHECKS,
    *settings_checks_template.SERVER_CHECKS,
    *settings_checks_gpu.SERVER_CHECKS,
    *settings_checks_scaling.SERVER_CHECKS,
)


def faults(raw: Raw) -> list[Fault]:
    """Every fault in the whole configuration that is not one of shape."""
    found: list[Fault] = []
    for check in _CHECKS:
        found += check(raw)
    for path, server in servers(raw):
        for check_server in _SERVER_CHECKS:
            found += check_server(path, server)
    return found
