"""Checks of `pod.template`, which is merged over a server's pods last: it may add, and weaken nothing."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from components.settings.checks.pod import annotation_faults, label_map_faults, looks_secret, secret_fault
from components.settings.faults import Fault, listed
from components.settings.raw import Raw, ServerCheck, items, mapping, maps, pairs

OWN_CONTAINERS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "ollama": frozenset({"name", "volumeMounts"}),
        "agent": frozenset({"name", "resources"}),
    }
)
"""Containers of ours, and what may be added to each."""

OWN_VOLUMES = ("data", "home", "tmp", "agent-config", "api-access", "metrics-tls")
_OWN_PREFIX = "source-"

LEGAL_VOLUMES = (
    *("name", "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim"),
    *("projected", "secret"),
)
"""What Pod Security's level `restricted` allows."""

_SPEC: Mapping[str, str] = MappingProxyType(
    {
        "securityContext": "every pod of ours has the strictest one",
        "hostNetwork": "a pod in the node's network is behind no network policy",
        "hostPID": "a pod must not see the node's processes",
        "hostIPC": "a pod must not see the node's shared memory",
        "hostUsers": "it weakens what keeps a pod from its node",
        "shareProcessNamespace": "each container could read the agent's token",
        "serviceAccount": "the pod's rights depend on it",
        "serviceAccountName": "the pod's rights depend on it",
        "automountServiceAccountToken": "the agent alone has a token",
        "enableServiceLinks": "services would become variables that Ollama reads",
        "ephemeralContainers": "Kubernetes takes none in a template",
        "restartPolicy": "Kubernetes takes `Always` alone here",
        "priorityClassName": "the quota counts by it",
        "terminationGracePeriodSeconds": "use `pod.terminationGraceSeconds`, which the agent knows too",
        "subdomain": "it names the pods, and a deploy finds them by it",
        "hostname": "it names the pods, and a deploy finds them by it",
    }
)
"""Keys of a pod's spec that may not be set, and why."""

_CONTEXT: Mapping[str, object] = MappingProxyType(
    {"runAsNonRoot": True, "privileged": False, "allowPrivilegeEscalation": False}
)
"""The only legal values of a further container."""

_MOUNTS_TAKEN = ("/data", "/tmp", "/sources", "/var/run", "/run", "/proc", "/sys", "/dev", "/bin", "/usr")  # noqa: S108


def _template(path: str, server: Raw) -> Iterator[Fault]:
    template = mapping(mapping(server.get("pod")).get("template"))
    here = f"{path}.pod.template"
    for place, key, value in pairs(template, here):
        if key not in ("metadata", "spec"):
            yield Fault(place, "unknown key. Legal keys here: `metadata`, `spec`")
        elif not isinstance(value, Mapping):
            yield _replaces(place, "a map of keys to values")
    yield from _metadata(f"{here}.metadata", mapping(template.get("metadata")))
    spec = mapping(template.get("spec"))
    for place, key, _ in pairs(spec, f"{here}.spec"):
        if key in _SPEC:
            yield Fault(place, f"may not be set here: {_SPEC[key]}. Leave it out")
    yield from _keyed(f"{here}.spec", spec, ("containers", "initContainers", "volumes"), "name")
    yield from _volumes(f"{here}.spec.volumes", spec)
    volumes = {str(volume.get("name")) for _, volume in maps(spec.get("volumes"), "")}
    for kind in ("containers", "initContainers"):
        for place, container in maps(spec.get(kind), f"{here}.spec.{kind}"):
            yield from _container(place, container, volumes, first=kind != "containers")


def _replaces(path: str, legal: str) -> Fault:
    """Anything else would not be merged with what the program has there, but stand in its place."""
    return Fault(path, f"must be {legal}; anything else would replace what the program has there")


def _keyed(path: str, owner: Raw, keys: Iterable[str], by: str) -> Iterator[Fault]:
    """Lists merge item by item only where each item has the key by which it is told from the others."""
    for key in keys:
        if key not in owner:
            continue
        if not isinstance(owner[key], list | tuple):
            yield _replaces(f"{path}.{key}", f"a list of maps that each have `{by}`")
        for index, item in enumerate(items(owner[key])):
            name = mapping(item).get(by)
            if not isinstance(name, str) or not name:
                yield Fault(
                    f"{path}.{key}[{index}].{by}", "is required, and must be a text, since lists are merged by it"
                )


def _metadata(path: str, metadata: Raw) -> Iterator[Fault]:
    for place, key, value in pairs(metadata, path):
        if key not in ("labels", "annotations"):
            yield Fault(place, "may not be set here. Legal keys here: `labels`, `annotations`")
        elif not isinstance(value, Mapping):
            yield _replaces(place, "a map of keys to texts")
        for where, _, text in pairs(metadata[key], place):
            if not isinstance(text, str):
                yield Fault(where, "must be a text (put it in quotes if YAML reads it as something else)")
    yield from label_map_faults(f"{path}.labels", metadata.get("labels"))
    yield from annotation_faults(f"{path}.annotations", metadata.get("annotations"))


def _volumes(path: str, spec: Raw) -> Iterator[Fault]:
    for place, volume in maps(spec.get("volumes"), path):
        name = volume.get("name")
        if isinstance(name, str) and (name in OWN_VOLUMES or name.startswith(_OWN_PREFIX)):
            yield Fault(f"{place}.name", f"`{name}` is, or may be, a volume of the program's. Choose another name")
        for where, key, _ in pairs(volume, place):
            if key not in LEGAL_VOLUMES:
                yield Fault(where, f"is no volume that a pod here may have. Legal are {listed(LEGAL_VOLUMES[1:])}")
        for where, source in maps(mapping(volume.get("projected")).get("sources"), f"{place}.projected.sources"):
            if "serviceAccountToken" in source:
                yield Fault(f"{where}.serviceAccountToken", "may not be set here: the agent alone has a token")


def _container(path: str, container: Raw, volumes: set[str], *, first: bool) -> Iterator[Fault]:
    name = container.get("name")
    legal = OWN_CONTAINERS.get(name) if isinstance(name, str) else None
    if legal is None:
        yield from _further(path, container)
    elif first:
        yield Fault(f"{path}.name", f"`{name}` is the name of a container of the program's. Choose another")
    else:
        for place, key, _ in pairs(container, path):
            if key not in legal:
                yield Fault(
                    place,
                    f"may not be set for `{name}`: the program counts on its own. Legal keys here: "
                    f"{listed(sorted(legal))}. For variables use `pod.env`, for size `resources` of the server",
                )
    yield from _mounts(path, container, volumes, own=legal is not None)


def _further(path: str, container: Raw) -> Iterator[Fault]:
    yield from _context(f"{path}.securityContext", mapping(container.get("securityContext")))
    for place, port in maps(container.get("ports"), f"{path}.ports"):
        if "hostPort" in port:
            yield Fault(f"{place}.hostPort", "may not be set: it is reached past every network policy. Use `expose`")
    for place, variable in maps(container.get("env"), f"{path}.env"):
        told, value = variable.get("name"), variable.get("value")
        if isinstance(told, str) and isinstance(value, str) and looks_secret(told, value):
            yield secret_fault(f"{place}.value", told)
    if "volumeDevices" in container:
        yield Fault(
            f"{path}.volumeDevices", "may not be set: a pod here has no devices. Use a volume with a file system"
        )


def _context(path: str, context: Raw) -> Iterator[Fault]:
    for key, legal in _CONTEXT.items():
        if key in context and context[key] is not legal:
            yield Fault(f"{path}.{key}", f"must be {str(legal).lower()}, or left out: every pod of ours is restricted")
    if context.get("runAsUser") == 0:
        yield Fault(f"{path}.runAsUser", "is root, which no pod of ours may be. Use another user, or leave it out")
    if "add" in mapping(context.get("capabilities")):
        yield Fault(f"{path}.capabilities.add", "may not be set: no pod of ours keeps a capability")
    for key in ("procMount", "seLinuxOptions", "appArmorProfile", "windowsOptions"):
        if key in context:
            yield Fault(f"{path}.{key}", "may not be set: it weakens what keeps a container from its node")
    if mapping(context.get("seccompProfile")).get("type") == "Unconfined":
        yield Fault(f"{path}.seccompProfile.type", "must be `RuntimeDefault` or `Localhost`, or left out")


def _mounts(path: str, container: Raw, volumes: set[str], *, own: bool) -> Iterator[Fault]:
    yield from _keyed(path, container, ("volumeMounts",), "mountPath")
    for place, mount in maps(container.get("volumeMounts"), f"{path}.volumeMounts"):
        name, where = mount.get("name"), mount.get("mountPath")
        if not isinstance(name, str) or name not in volumes:
            yield Fault(f"{place}.name", f"`{name}` is no volume of this template. Add it to `volumes` here")
        if own and isinstance(where, str) and _taken(where):
            yield Fault(
                f"{place}.mountPath", f"`{where}` is in use. Mount below another folder, such as /mnt/certificates"
            )


def _taken(path: str) -> bool:
    parts = [part for part in path.split("/") if part not in ("", ".")]
    plain = "/" + "/".join(parts)
    return plain == "/" or ".." in parts or any(plain == one or plain.startswith(f"{one}/") for one in _MOUNTS_TAKEN)


SERVER_CHECKS: tuple[ServerCheck, ...] = (_template,)
