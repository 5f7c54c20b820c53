"""Growing the volumes of a StatefulSet: its claims, and the template that claims of later replicas are made from.

Kubernetes lets a claim grow but never the template. So the StatefulSet is deleted without what it owns (pods and
volumes stay as they are) and made again with the larger template; it then finds its pods by their labels. Each step
looks at what is there, so the sequence can be cut off anywhere and begun again.
"""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from components import volume_growth_objects as objects
from components.kube_api import KubeApi, KubeApiError, Object
from components.quantity import parse_bytes
from components.volume_growth_objects import GrowthError

MANAGER = "pulumi-kubernetes"
"""Our name as an owner of fields. Pulumi's provider takes over what an owner of this name has, as it does with what
its own older versions wrote; under any other name its next change of such a field would fail with a conflict."""

WAIT_S = 60.0
"""Each step waits for a controller that answers within a second; this long, it does not run."""

RESIZE_S = 10.0
"""A resizer takes a claim up within a second. Where none runs nothing ever happens, so waiting longer is no use."""

_POLL_S = 0.2
_COPY_KEY = "statefulset.json"
_KEEP = {"whenDeleted": "Retain", "whenScaled": "Retain"}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The volumes of one StatefulSet as they shall be."""

    namespace: str
    stateful_set: str
    claim: str
    """Name of the claim template: claims are called `<claim>-<stateful set>-<ordinal>`."""
    storage: str
    """Quantity."""
    storage_class: str | None = None
    """None is whatever there is."""


@dataclass(frozen=True)
class Grown:
    """What there is afterwards."""

    uid: str
    """Of the StatefulSet."""
    volumes: dict[str, str]
    """Claim to its size, and what it waits for."""


class Growth:
    """The steps, on one StatefulSet."""

    def __init__(
        self,
        api: KubeApi,
        wanted: Wanted,
        *,
        say: Callable[[str], None] = print,
        wait_s: float = WAIT_S,
        resize_s: float = RESIZE_S,
    ) -> None:
        self._api = api
        self._wanted = wanted
        self._say = say
        self._wait_s = wait_s
        self._resize_s = resize_s
        core = f"/api/v1/namespaces/{wanted.namespace}"
        self._sets = f"/apis/apps/v1/namespaces/{wanted.namespace}/statefulsets"
        self._set = f"{self._sets}/{wanted.stateful_set}"
        self._claims = f"{core}/persistentvolumeclaims"
        self._copies = f"{core}/configmaps"
        self._copy = f"{self._copies}/{wanted.stateful_set}-growth"

    def run(self) -> Grown:
        """Brings claims and template to the wanted size, as far as they are smaller.

        Raises:
            GrowthError: they cannot be; nothing was changed then, unless it says so.
        """
        live = self._live()
        template = objects.template(live, self._wanted.claim)
        self._check_template(template)
        grows = [one for one in self._found_claims() if objects.asked(one) < parse_bytes(self._wanted.storage)]
        self._check_claims(grows)
        for claim in grows:
            name = claim["metadata"]["name"]
            self._say(f"{name}: from {objects.storage(claim)} to {self._wanted.storage}")
            self._api.patch(f"{self._claims}/{name}", self._request(), manager=MANAGER)
        if objects.asked(template) < parse_bytes(self._wanted.storage):
            live = self._replace(live)
        self._finish()
        return Grown(live["metadata"]["uid"], self._sizes())

    def look(self) -> str | None:
        """The smallest size among template and claims as a quantity; None when there is no StatefulSet, nor a copy."""
        live = self._api.get(self._set)
        if live is None:
            copy = self._read_copy()
            if copy is None:
                return None
            live = copy["object"]
        sizes = [
            objects.storage(objects.template(live, self._wanted.claim)),
            *map(objects.storage, self._found_claims()),
        ]
        return min(sizes, key=parse_bytes)

    def recover(self) -> None:
        """Makes the StatefulSet again where an earlier run was cut off after deleting it."""
        if self._api.get(self._set) is None:
            copy = self._read_copy()
            if copy is not None:
                self._create(copy)
        self._finish()

    def _live(self) -> Object:
        live = self._api.get(self._set)
        if live is not None:
            if "deletionTimestamp" not in live["metadata"]:
                return live
            # An earlier run was cut off after asking for it.
            self._wait(lambda: self._api.get(self._set) is None, f"StatefulSet `{self._wanted.stateful_set}` to go")
        copy = self._read_copy()
        if copy is None:
            raise GrowthError(
                f"there is no StatefulSet `{self._wanted.stateful_set}` in `{self._wanted.namespace}`. "
                "Something deleted it; `pulumi up --refresh` makes it again"
            )
        return self._create(copy)

    def _check_template(self, template: Object) -> None:
        wanted = self._wanted
        if parse_bytes(wanted.storage) < objects.asked(template):
            raise GrowthError(objects.shrinks(wanted.stateful_set, objects.storage(template), wanted.storage))
        now = template["spec"].get("storageClassName")
        if wanted.storage_class is not None and now is not None and now != wanted.storage_class:
            raise GrowthError(objects.moves(wanted.stateful_set, "storage class", now, wanted.storage_class))

    def _check_claims(self, claims: list[Object]) -> None:
        """All of them before the first is changed: half of the replicas at another size help nobody."""
        classes = {str(one["spec"].get("storageClassName") or "") for one in claims if objects.bound(one)}
        faults = [_cannot_expand(name) for name in sorted(classes) if not self._expands(name)]
        for claim in claims:
            name = claim["metadata"]["name"]
            if not objects.bound(claim):
                faults.append(f"`{name}` has no volume yet (it is {claim.get('status', {}).get('phase', 'new')})")
            elif not faults:
                try:
                    self._api.patch(f"{self._claims}/{name}", self._request(), manager=MANAGER, dry_run=True)
                except KubeApiError as error:
                    faults.append(f"`{name}`: {error}")
        if faults:
            listed = "".join(f"\n  - {fault}" for fault in faults)
            raise GrowthError(
                f"the volumes of `{self._wanted.stateful_set}` cannot grow to {self._wanted.storage}; nothing was "
                f"changed:{listed}"
            )

    def _expands(self, storage_class: str) -> bool:
        if not storage_class:
            return False
        try:
            found = self._api.get(f"/apis/storage.k8s.io/v1/storageclasses/{storage_class}")
        except KubeApiError:
            # Classes belong to the cluster, and not every user may look at them. The dry run tells too.
            return True
        return found is not None and found.get("allowVolumeExpansion") is True

    def _request(self) -> Object:
        return {"spec": {"resources": {"requests": {"storage": self._wanted.storage}}}}

    def _replace(self, live: Object) -> Object:
        uid = live["metadata"]["uid"]
        earlier = self._read_copy()
        larger = objects.manifest(live, self._wanted.claim, self._wanted.storage)
        owners = objects.owners(live)
        if earlier is not None and earlier["uid"] == uid:
            # An earlier run was cut off after the policy was changed to keep volumes; this is what it was before.
            larger["spec"].pop("persistentVolumeClaimRetentionPolicy", None)
            policy = earlier["object"]["spec"].get("persistentVolumeClaimRetentionPolicy")
            if policy is not None:
                larger["spec"]["persistentVolumeClaimRetentionPolicy"] = policy
            owners = earlier["owners"]
        copy: Object = {"uid": uid, "object": larger, "owners": owners}
        self._write_copy(copy)
        self._keep_volumes(uid)
        self._api.delete(self._set, uid=uid, orphan=True)
        self._wait(lambda: self._other(uid), f"StatefulSet `{self._wanted.stateful_set}` to go")
        return self._create(copy)

    def _keep_volumes(self, uid: str) -> None:
        """Lets no claim belong to the StatefulSet any more.

        With `whenDeleted: Delete` each does, and a claim whose owner is gone is deleted with its volume. Orphaning
        breaks that bond too, but as far as the garbage collector's own picture of the cluster is up to date.
        """
        body = {"spec": {"persistentVolumeClaimRetentionPolicy": _KEEP}}
        self._api.patch(self._set, body, manager=MANAGER)

        def free() -> bool:
            return not any(uid in objects.owner_uids(one) for one in self._found_claims())

        self._wait(free, f"the volumes of `{self._wanted.stateful_set}` to be kept")

    def _other(self, uid: str) -> bool:
        live = self._api.get(self._set)
        return live is None or live["metadata"]["uid"] != uid

    def _create(self, copy: Object) -> Object:
        self._api.create(self._sets, copy["object"], manager=MANAGER)
        self._say(f"{self._wanted.stateful_set}: new replicas get {self._wanted.storage}; pods stay as they are")
        live = self._api.get(self._set)
        if live is None:
            raise GrowthError(f"StatefulSet `{self._wanted.stateful_set}` was deleted while it was made. Deploy again")
        return live

    def _finish(self) -> None:
        """Gives fields back to their owners, so that Pulumi's next apply meets what it left, and drops the copy."""
        copy = self._read_copy()
        if copy is None:
            return
        live = self._api.get(self._set)
        if live is None:
            return
        if live["metadata"]["uid"] == copy["uid"]:
            # An earlier run was cut off before deleting it, and by now nothing is to grow any more.
            policy = copy["object"]["spec"].get("persistentVolumeClaimRetentionPolicy")
            self._api.patch(self._set, {"spec": {"persistentVolumeClaimRetentionPolicy": policy}}, manager=MANAGER)
        if copy["owners"]:
            self._api.patch(self._set, {"metadata": {"managedFields": copy["owners"]}}, manager=MANAGER)
        self._api.delete(self._copy)

    def _read_copy(self) -> Object | None:
        found = self._api.get(self._copy)
        return None if found is None else cast("Object", json.loads(found["data"][_COPY_KEY]))

    def _write_copy(self, copy: Object) -> None:
        data = {_COPY_KEY: json.dumps(copy)}
        body: Object = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": f"{self._wanted.stateful_set}-growth",
                "namespace": self._wanted.namespace,
                "labels": copy["object"]["metadata"].get("labels") or {},
            },
            "data": data,
        }
        if self._api.create(self._copies, body, manager=MANAGER) is None:
            self._api.patch(self._copy, {"data": data}, manager=MANAGER)

    def _found_claims(self) -> list[Object]:
        listed = self._api.get(self._claims) or {}
        name = re.compile(re.escape(f"{self._wanted.claim}-{self._wanted.stateful_set}-") + "[0-9]+")
        items = cast("list[Object]", listed.get("items") or [])
        found = [one for one in items if name.fullmatch(one["metadata"]["name"])]
        return [one for one in found if "deletionTimestamp" not in one["metadata"]]

    def _sizes(self) -> dict[str, str]:
        """Size of each volume; waits a little for a resizer to begin, never for it to end."""
        until = time.monotonic() + self._resize_s
        while True:
            claims = self._found_claims()
            idle = [
                one for one in claims if objects.bound(one) and not objects.settled(one) and not objects.conditions(one)
            ]
            if not idle or time.monotonic() >= until:
                return {one["metadata"]["name"]: objects.described(one) for one in claims}
            time.sleep(_POLL_S)

    def _wait(self, done: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + self._wait_s
        while not done():
            if time.monotonic() >= until:
                raise GrowthError(
                    f"waited {self._wait_s:g} s for {what}; the cluster's controller manager does not get to it. "
                    "Deploy again once it runs: the rest is done then, and no volume is lost meanwhile"
                )
            time.sleep(_POLL_S)


def _cannot_expand(storage_class: str) -> str:
    if not storage_class:
        return "a volume without a storage class cannot grow. Set the storage back"
    return (
        f"storage class `{storage_class}` does not let volumes grow (allowVolumeExpansion). Set that, if what provides "
        f"the volumes can do it: `kubectl patch storageclass {storage_class} -p '{{\"allowVolumeExpansion\": true}}'`"
    )
