"""The labels that every object carries, and the smaller set that selects pods."""

PART_OF = "echorator"

OLLAMA_CLIENT = "echorator.dev/ollama-client"
"""A pod with this label set to "true", in one of the stack's namespaces, may talk to the Ollama servers."""

ECHO_CLIENT = "echorator.dev/echo-client"
"""A pod with this label set to "true", in one of the stack's namespaces, may talk to the echo service."""


def selector_labels(*, name: str, instance: str, component: str) -> dict[str, str]:
    """What a Service or StatefulSet selects by.

    Without the version: selectors of a StatefulSet cannot change, so a version in them would turn each upgrade into
    a replacement.
    """
    return {
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/instance": instance,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": PART_OF,
    }


def labels(*, name: str, instance: str, component: str, version: str | None = None) -> dict[str, str]:
    """The whole set of recommended labels; `version` is left out for objects that have none."""
    found = selector_labels(name=name, instance=instance, component=component)
    if version is not None:
        found["app.kubernetes.io/version"] = version
    return {**found, "app.kubernetes.io/managed-by": "pulumi"}


def namespace_labels(prefix: str) -> dict[str, str]:
    """What marks a namespace as belonging to the stack whose names begin with `prefix`."""
    return {"app.kubernetes.io/instance": prefix, "app.kubernetes.io/part-of": PART_OF}
