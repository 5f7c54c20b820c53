"""What the store answers when it cannot do what was asked.

Ollama shows the user the status and body of a failed *manifest* request, except
for 401 (it starts its own key exchange) and 404 (it says "file does not exist").
Of a failed blob request it shows at most the status. So whatever a user should
read is refused at the manifest, with a status that is neither.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType

__all__ = [
    "Attempt",
    "BlobUnknownError",
    "DigestMismatchError",
    "InsufficientStorageError",
    "InvalidRequestError",
    "ManifestUnknownError",
    "RangeError",
    "StoppingError",
    "StoreError",
    "UnauthorizedError",
    "UnsupportedError",
    "UploadUnknownError",
    "UpstreamFailedError",
    "UpstreamRefusedError",
    "VolumeError",
    "verdict",
    "volume_error",
]


_TRY_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True)
class Attempt:
    """One endpoint that was asked and did not give what was wanted.

    Attributes:
        endpoint: Base URL as configured.
        reason: What went wrong, for people.
        status: The HTTP status it answered; None when it did not answer.
    """

    endpoint: str
    reason: str
    status: int | None = None

    @property
    def answered(self) -> bool:
        """Whether the endpoint gave a verdict; overload and server faults are none."""
        return (
            self.status is not None and self.status < HTTPStatus.INTERNAL_SERVER_ERROR and self.status not in _TRY_LATER
        )


class StoreError(Exception):
    """A request that ends in an OCI error.

    Attributes:
        status: HTTP status.
        code: OCI error code (or one of ours where OCI has none).
        reason: Short label for the failure metric.
        headers: More headers of the answer.
        attempts: Endpoints asked in vain, in order.
    """

    status = 500
    code = "UNKNOWN"
    reason = "internal"
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, message: str, attempts: Sequence[Attempt] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.attempts = tuple(attempts)

    def body(self) -> bytes:
        """The OCI error document."""
        error: dict[str, object] = {"code": self.code, "message": self.message}
        if self.attempts:
            error["detail"] = {
                "endpoints": [{"endpoint": a.endpoint, "reason": a.reason, "status": a.status} for a in self.attempts]
            }
        return json.dumps({"errors": [error]}).encode()


class InvalidRequestError(StoreError):
    """A name, tag, digest or body that is outside the grammar."""

    status, code, reason = 400, "NAME_INVALID", "invalid_request"


class ManifestUnknownError(StoreError):
    """No endpoint has the manifest, and the registry itself said so."""

    status, code, reason = 404, "MANIFEST_UNKNOWN", "manifest_unknown"


class BlobUnknownError(StoreError):
    """No endpoint has the blob, and the registry itself said so."""

    status, code, reason = 404, "BLOB_UNKNOWN", "blob_unknown"


class UploadUnknownError(StoreError):
    """An upload session that this process did not open, or has dropped."""

    status, code, reason = 404, "BLOB_UPLOAD_UNKNOWN", "upload_unknown"


class RangeError(StoreError):
    """A byte range that lies outside the blob, or an upload that is out of order."""

    status, code, reason = 416, "SIZE_INVALID", "range"


class UnauthorizedError(StoreError):
    """A push or deletion without the store's token."""

    status, code, reason = 401, "UNAUTHORIZED", "unauthorized"
    headers = MappingProxyType({"WWW-Authenticate": 'Basic realm="model store"'})


class UnsupportedError(StoreError):
    """A method that this store does not offer, or that its config switches off."""

    status, code, reason = 405, "UNSUPPORTED", "unsupported"


class UpstreamFailedError(StoreError):
    """No endpoint gave an answer that can be used; asking again later may help."""

    status, code, reason = 502, "UPSTREAM_UNAVAILABLE", "upstream_failed"


class UpstreamRefusedError(StoreError):
    """The registry answered and refused; asking again will not help."""

    status, code, reason = 403, "DENIED", "upstream_refused"

    def __init__(self, message: str, attempts: Sequence[Attempt], status: int) -> None:
        super().__init__(message, attempts)
        self.status = status


class DigestMismatchError(StoreError):
    """What an endpoint sent is not what the digest names."""

    status, code, reason = 502, "DIGEST_INVALID", "digest_mismatch"


class InsufficientStorageError(StoreError):
    """The volume, or the limit set in the config, has no room."""

    status, code, reason = 507, "INSUFFICIENT_STORAGE", "insufficient_storage"


class VolumeError(StoreError):
    """The volume failed a read, a write or a sync."""

    status, code, reason = 500, "VOLUME_FAULT", "volume"


class StoppingError(StoreError):
    """The store is being stopped; what it has of the blob is kept."""

    status, code, reason = 503, "STOPPING", "stopping"


def verdict(what: str, attempts: Sequence[Attempt], unknown: type[StoreError]) -> StoreError:
    """Turn the attempts on all endpoints into one error.

    The last endpoint is the registry itself, so its answer decides: a mirror
    that lacks a model says nothing about whether the model exists.

    Args:
        what: What was asked for, for example ``manifest library/x:latest``.
        attempts: One for each endpoint, in the order asked; not empty.
        unknown: The error for "the registry does not have it".
    """
    tried = "; ".join(f"{a.endpoint}: {a.reason}" for a in attempts)
    last = attempts[-1]
    if last.status == HTTPStatus.NOT_FOUND:
        return unknown(f"no endpoint has {what} ({tried})", attempts)
    if last.answered and last.status is not None and last.status >= HTTPStatus.BAD_REQUEST:
        # 401 would send Ollama into a key exchange with this store.
        status = 403 if last.status == HTTPStatus.UNAUTHORIZED else last.status
        return UpstreamRefusedError(f"the registry refused {what} ({tried})", attempts, status)
    return UpstreamFailedError(
        f"no endpoint could give {what} ({tried}); "
        "check the name, the cluster's egress and DNS, and the endpoints in the model store's config",
        attempts,
    )


def volume_error(doing: str, error: OSError) -> StoreError:
    """Turn an error of the volume into one that names the cure where there is one.

    Args:
        doing: What was being done, for example ``writing blob sha256:…``.
        error: What the system said.
    """
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return InsufficientStorageError(
            f"the model store's volume became full while {doing} ({error.strerror}); what was written of it is "
            "removed; make the store's volume larger"
        )
    return VolumeError(f"the model store's volume failed while {doing}: {error}")
