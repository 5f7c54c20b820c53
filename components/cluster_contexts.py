"""Whether the kubeconfig has the contexts that the settings name: all that it lacks, before anything is registered."""

from collections.abc import Iterator

from components import kube_context
from components.kube_context import KubeContextError
from components.settings.checks.clusters import each
from components.settings.faults import Fault
from components.settings.raw import Raw, mapping


def faults(raw: Raw) -> Iterator[Fault]:
    """A fault for each context that is not there; reads the kubeconfig, talks to nobody.

    A cluster that is lost needs its context too: by it the engine knows what it had there.
    """
    for path, cluster in each(raw):
        named = ((path, "context", cluster), (f"{path}.clusterApi", "management", mapping(cluster.get("clusterApi"))))
        for place, key, section in named:
            context = section.get(key)
            if isinstance(context, str) and context:
                try:
                    kube_context.load(context)
                except KubeContextError as error:
                    yield Fault(f"{place}.{key}", str(error))
