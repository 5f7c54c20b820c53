"""Asks a container registry which digest a tag has; the OCI distribution API, anonymously."""

from __future__ import annotations

import hashlib
import re
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urlsplit

import httpx

# For more than one kind of machine, which is what a cluster pins; then single ones.
ACCEPT = (
    "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
)
MOST_BYTES = 4 << 20
"""The specification's limit for a manifest."""

LIMIT_S = 30.0

_API_HOSTS = {"docker.io": "registry-1.docker.io"}
"""Registries whose API answers under another name than images have."""

_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class RegistryError(Exception):
    """The registry does not tell the digest; says why."""


def own_registry(repository: str) -> str:
    """URL of the registry that an image's name begins with."""
    host = repository.partition("/")[0]
    return f"https://{_API_HOSTS.get(host, host)}"


def digest_of(http: httpx.Client, registry: str, path: str, tag: str) -> str:
    """The digest of a tag: the SHA-256 of the manifest that the registry sends, whatever it says of it.

    Args:
        http: to ask with.
        registry: its URL.
        path: of the image in it, such as `ollama/ollama`.
        tag: of the image.

    Raises:
        RegistryError: it does not answer, or has no such image.
    """
    where = f"{registry}/v2/{path}/manifests/{tag}"
    try:
        content = _manifest(http, where, path)
    except httpx.HTTPError as error:
        raise RegistryError(f"{urlsplit(registry).netloc} does not answer: {error or type(error).__name__}") from error
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _manifest(http: httpx.Client, where: str, path: str) -> bytes:
    headers = {"Accept": ACCEPT}
    answer = _get(http, where, headers)
    if answer[0] == HTTPStatus.UNAUTHORIZED:
        headers["Authorization"] = f"Bearer {_token(http, answer[2], path)}"
        answer = _get(http, where, headers)
    status, content, _ = answer
    if status == HTTPStatus.NOT_FOUND:
        raise RegistryError(f"{urlsplit(where).netloc} has no {path}:{where.rpartition('/')[2]}")
    if status != HTTPStatus.OK:
        raise RegistryError(f"{urlsplit(where).netloc} answered {status} for {path}")
    return content


def _get(http: httpx.Client, where: str, headers: dict[str, str]) -> tuple[int, bytes, str]:
    with http.stream("GET", where, headers=headers) as answer:
        content = bytearray()
        for part in answer.iter_bytes():
            content += part
            if len(content) > MOST_BYTES:
                raise RegistryError(f"{urlsplit(where).netloc} sent more than {MOST_BYTES} bytes as a manifest")
        return answer.status_code, bytes(content), answer.headers.get("WWW-Authenticate", "")


def _token(http: httpx.Client, challenge: str, path: str) -> str:
    asked = dict(_CHALLENGE.findall(challenge))
    realm = asked.get("realm", "")
    if not challenge.lower().startswith("bearer ") or not realm.startswith("https://"):
        raise RegistryError(f"it wants a sign-in for {path}, and only anonymous ones are done here")
    query = {"service": asked.get("service", ""), "scope": f"repository:{path}:pull"}
    answer = http.get(realm, params=query)
    if not answer.is_success:
        raise RegistryError(f"{urlsplit(realm).netloc} answered {answer.status_code}: {path} may be private")
    found = cast("dict[str, Any]", answer.json())
    return str(found.get("token") or found.get("access_token") or "")
