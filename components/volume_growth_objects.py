"""Claims and claim templates as the API server shows them: sizes, conditions, and what is said about them."""

import json
from fractions import Fraction
from typing import cast

from components.kube_api import Object
from components.quantity import parse_bytes

WAY_OUT = "or take the server off the settings, deploy, and add it again: its models come back from the store"


class GrowthError(Exception):
    """Why the volumes cannot become as wanted, and what to do."""


def shrinks(stateful_set: str, now: str, wanted: str) -> str:
    """Why a smaller size is refused, and the way there."""
    return (
        f"the volumes of `{stateful_set}` have {now}, and volumes cannot shrink to {wanted}. Set the storage to {now} "
        f"or more; {WAY_OUT}"
    )


def moves(stateful_set: str, what: str, now: str, wanted: str) -> str:
    """Why another storage class or access mode is refused, and the way there."""
    return (
        f"the volumes of `{stateful_set}` have the {what} `{now}`, and volumes cannot change it to `{wanted}`. Set it "
        f"back; {WAY_OUT}"
    )


def template(stateful_set: Object, claim: str) -> Object:
    """The claim template called `claim`.

    Raises:
        GrowthError: there is none.
    """
    templates = cast("list[Object]", stateful_set["spec"].get("volumeClaimTemplates") or [])
    for one in templates:
        if one["metadata"]["name"] == claim:
            return one
    raise GrowthError(f"StatefulSet `{stateful_set['metadata']['name']}` has no claim template `{claim}`")


def storage(claim: Object) -> str:
    """What a claim or template asks for, a quantity."""
    return str(claim["spec"]["resources"]["requests"]["storage"])


def asked(claim: Object) -> Fraction:
    """What a claim or template asks for, in bytes."""
    return parse_bytes(storage(claim))


def bound(claim: Object) -> bool:
    """Whether there is a volume behind the claim."""
    return claim.get("status", {}).get("phase") == "Bound"


def settled(claim: Object) -> bool:
    """Whether the volume is as large as the claim asks for."""
    given = _capacity(claim)
    return given != "0" and parse_bytes(given) >= asked(claim)


def conditions(claim: Object) -> list[Object]:
    """What holds of the claim now, such as `Resizing` or `FileSystemResizePending`."""
    found = cast("list[Object]", claim.get("status", {}).get("conditions") or [])
    return [one for one in found if one.get("status") == "True"]


def owner_uids(claim: Object) -> set[str]:
    """Whom the claim belongs to: it is deleted with them."""
    found = cast("list[Object]", claim["metadata"].get("ownerReferences") or [])
    return {str(one["uid"]) for one in found}


def described(claim: Object) -> str:
    """The claim's size, and what it waits for where that is not there yet."""
    if not bound(claim):
        return f"{storage(claim)}, no volume yet"
    if settled(claim):
        return storage(claim)
    told = ", ".join(f"{one['type']} {one.get('message', '')}".strip() for one in conditions(claim))
    return f"{_capacity(claim)} of {storage(claim)}: {told or 'nothing in the cluster resizes it'}"


def manifest(live: Object, claim: str, size: str) -> Object:
    """The StatefulSet as it is made again: what the server filled in left out, the template at `size`."""
    copied: Object = json.loads(json.dumps(live))
    metadata: Object = {
        key: value
        for key, value in copied["metadata"].items()
        if key in ("name", "namespace", "labels", "annotations", "ownerReferences")
    }
    for one in copied["spec"]["volumeClaimTemplates"]:
        one.pop("status", None)
    template(copied, claim)["spec"]["resources"]["requests"]["storage"] = size
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": copied["spec"]}


def owners(live: Object) -> list[Object]:
    """Who owns which field, without the controllers' entries on the status: a new object has no status yet."""
    found = cast("list[Object]", live["metadata"].get("managedFields") or [])
    return [one for one in found if one.get("subresource") != "status"]


def _capacity(claim: Object) -> str:
    given = cast("Object", claim.get("status", {}).get("capacity") or {})
    return str(given.get("storage", "0"))
