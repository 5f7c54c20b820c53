"""Checks of what else is said about a server's pods: image, placing, labels, variables."""

import re
from collections.abc import Iterator

from components.labels import PART_OF, labels
from components.ollama_environment import FIXED, FURTHER, NO_PRUNE, OLDEST, VARIABLES, version_of
from components.settings.faults import Fault, listed
from components.settings.grammar import (
    image_parts,
    key_faults,
    label_value_faults,
    number_faults,
    object_faults,
    variable_faults,
)
from components.settings.raw import Check, Raw, ServerCheck, hosted, mapping, maps, pairs, production, texts, twice

GRACE_SECONDS = (10, 86400)
"""Below, no answer of a model ends in time; above, a node could not be emptied within a day."""

OWN_LABELS = frozenset(labels(name="", instance="", component="", version=""))

_OWN_PREFIX = f"{PART_OF}.dev/"

_SECRET_WORD = re.compile(r"(?:TOKEN|KEY|PASSWORD|PASSWD|PASSPHRASE|SECRET|CREDENTIALS?)\Z")
_PLACE_WORDS = ("FILE", "PATH", "DIR", "NAME")
_USER_IN_URL = re.compile(r"://[^/\s@]+@")


def looks_secret(name: str, value: str) -> bool:
    """Whether a variable would show a secret: by its name (unless it only says where one is), or a URL's user."""
    words = name.upper().split("_")
    by_name = words[-1] not in _PLACE_WORDS and any(_SECRET_WORD.search(word) for word in words)
    return by_name or _USER_IN_URL.search(value) is not None


def secret_fault(path: str, name: str) -> Fault:
    """Of a variable that looks like a secret."""
    return Fault(
        path,
        f"`{name}` looks like a secret, and the configuration is stored in clear. Put it into a Secret in the models' "
        "namespace, and name that with `secret` and `key`",
    )


def _image(path: str, server: Raw) -> Iterator[Fault]:
    pod = mapping(server.get("pod"))
    image = pod.get("image")
    here = f"{path}.pod.image"
    for place, text in texts(pod.get("imagePullSecrets"), f"{path}.pod.imagePullSecrets"):
        yield from object_faults(place, text, "Secret")
    yield from object_faults(f"{path}.pod.runtimeClass", pod.get("runtimeClass"), "RuntimeClass")
    if not isinstance(image, str):
        return
    parts = image_parts(image)
    if parts is None or parts == (None, None):
        yield Fault(here, f"`{image}` is no legal image: must be [HOST/]REPOSITORY:TAG, perhaps with @sha256:<64 hex>")
    elif parts[0] == "latest" and parts[1] is None:
        yield Fault(here, "has the tag `latest`, so that each pod may run another Ollama. Name a version, or a digest")
    elif version_of(image) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        yield Fault(
            here,
            f"is older than Ollama {oldest}, the first that can be kept from sending prompts to Ollama's own service "
            "(OLLAMA_NO_CLOUD). Take a newer one",
        )


def _placing(path: str, server: Raw) -> Iterator[Fault]:
    pod = mapping(server.get("pod"))
    for place, key, value in pairs(pod.get("nodeSelector"), f"{path}.pod.nodeSelector"):
        yield from key_faults(place, key)
        yield from label_value_faults(place, value)
    for place, toleration in maps(pod.get("tolerations"), f"{path}.pod.tolerations"):
        yield from _toleration(place, toleration)
    yield from number_faults(f"{path}.pod.terminationGraceSeconds", pod.get("terminationGraceSeconds"), *GRACE_SECONDS)


def _toleration(path: str, toleration: Raw) -> Iterator[Fault]:
    yield from key_faults(f"{path}.key", toleration.get("key"))
    yield from label_value_faults(f"{path}.value", toleration.get("value"))
    exists = toleration.get("operator") == "Exists"
    if exists and toleration.get("value") is not None:
        yield Fault(f"{path}.value", "has no effect with `operator: Exists`. Leave it out, or use `Equal`")
    if not exists and toleration.get("key") is None:
        yield Fault(f"{path}.key", "is required unless `operator` is `Exists`, which then tolerates every taint")
    seconds = toleration.get("tolerationSeconds")
    yield from number_faults(f"{path}.tolerationSeconds", seconds, 0, 2**31 - 1)
    if seconds is not None and toleration.get("effect") != "NoExecute":
        yield Fault(
            f"{path}.tolerationSeconds", "has an effect only with `effect: NoExecute`. Set that, or leave it out"
        )


def _metadata(path: str, server: Raw) -> Iterator[Fault]:
    pod = mapping(server.get("pod"))
    yield from label_map_faults(f"{path}.pod.labels", pod.get("labels"))
    yield from annotation_faults(f"{path}.pod.annotations", pod.get("annotations"))


def annotation_faults(path: str, value: object) -> Iterator[Fault]:
    """Of annotations that are to be added to ours."""
    for place, key, _ in pairs(value, path):
        yield from key_faults(place, key)
        if key.startswith(_OWN_PREFIX):
            yield Fault(place, f"begins with `{_OWN_PREFIX}`, as those that the program sets. Choose another key")


def label_map_faults(path: str, value: object) -> Iterator[Fault]:
    """Of labels that are to be added to ours."""
    for place, key, text in pairs(value, path):
        yield from key_faults(place, key)
        yield from label_value_faults(place, text)
        if key in OWN_LABELS or key.startswith(_OWN_PREFIX):
            yield Fault(place, "is set by the program, which finds its pods by it. Choose another key")


def _variables(path: str, server: Raw) -> Iterator[Fault]:
    pod = mapping(server.get("pod"))
    variables = list(maps(pod.get("env"), f"{path}.pod.env"))
    for place, variable in variables:
        yield from variable_faults(f"{place}.name", variable.get("name"))
        yield from _taken(f"{place}.name", variable.get("name"), own_image=pod.get("image") is not None)
        yield from _content(place, variable)
    yield from twice(
        ((f"{place}.name", name) for place, one in variables if isinstance(name := one.get("name"), str)),
        lambda name, first: f"`{name}` is also set at {first}. Set each variable once",
    )
    for key, kind in (("envFromSecrets", "Secret"), ("envFromConfigMaps", "ConfigMap")):
        for place, text in texts(pod.get(key), f"{path}.pod.{key}"):
            yield from object_faults(place, text, kind)


def _taken(path: str, name: object, *, own_image: bool) -> Iterator[Fault]:
    if not isinstance(name, str):
        return
    settings = {variable.name: key for key, variable in VARIABLES.items()}
    if name in settings:
        yield Fault(path, f"`{name}` is set from `ollama.{settings[name]}` of the server. Set it there")
    elif name in FIXED or name == NO_PRUNE:
        yield Fault(path, f"`{name}` is set by the program, which counts on its value. Leave it out")
    elif name.startswith("OLLAMA_") and name not in FURTHER and not own_image:
        yield Fault(
            path,
            f"no server of this version reads `{name}`. Legal are {listed(FURTHER)}, and the settings under `ollama`",
        )


def _content(path: str, variable: Raw) -> Iterator[Fault]:
    given = [key for key in ("value", "secret", "configMap") if variable.get(key) is not None]
    if len(given) != 1:
        told = f"has {listed(given)}" if given else "has no content"
        yield Fault(path, f"{told}. Give exactly one of `value`, `secret` and `configMap`")
    sources = [key for key in given if key != "value"]
    if sources and variable.get("key") is None:
        yield Fault(f"{path}.key", f"is required with `{sources[0]}`: the key in it")
    if given == ["value"] and variable.get("key") is not None:
        yield Fault(f"{path}.key", "has no effect with `value`. Leave it out")
    yield from object_faults(f"{path}.secret", variable.get("secret"), "Secret")
    yield from object_faults(f"{path}.configMap", variable.get("configMap"), "ConfigMap")
    key = variable.get("key")
    if isinstance(key, str) and not re.fullmatch(r"[A-Za-z0-9._-]{1,253}", key):
        yield Fault(f"{path}.key", f"`{key}` is no legal key: letters, digits, `-`, `_` and `.`")
    name, value = variable.get("name"), variable.get("value")
    if isinstance(name, str) and isinstance(value, str) and looks_secret(name, value):
        yield secret_fault(f"{path}.value", name)


def _production(raw: Raw) -> Iterator[Fault]:
    if not production(raw):
        return
    for path, server in hosted(raw):
        parts = image_parts(mapping(server.get("pod")).get("image"))
        if parts is not None and parts[1] is None:
            yield Fault(
                f"{path}.pod.image",
                "needs a digest where environment is `prod`, since a tag can move: add @sha256:<64 hex>",
            )


CHECKS: tuple[Check, ...] = (_production,)
SERVER_CHECKS: tuple[ServerCheck, ...] = (_image, _placing, _metadata, _variables)
