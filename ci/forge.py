"""What GitHub and GitLab have in common for a comment: a page to look through, one text to write."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

TRIES = 4
_TIMEOUT_S = 20.0
_LONGEST_WAIT_S = 30.0
_PAGES = 200
"""Of 100 entries each; a thread that is longer is not looked through further."""
_AGAIN = frozenset({429, 500, 502, 503, 504})
_FORBIDDEN = 403
_ERROR = 400


class ForgeError(Exception):
    """GitHub or GitLab did not take the comment; says what it answered and what to do."""


@dataclass(frozen=True)
class Posted:
    """A comment, note or issue that is there now.

    Attributes:
        action: ``created``, ``edited`` or ``unchanged``.
        url: where it can be read; empty where the forge did not say.
    """

    action: str
    url: str


class Forge(Protocol):
    """Where a comment goes."""

    def upsert(self, marker: str, body: str) -> Posted:
        """Edit our comment with this marker, or make one."""
        ...


def pause(seconds: float) -> None:
    """Wait before the next try."""
    time.sleep(seconds)


class Api:
    """A REST API with tries, pages and errors in words. It keeps the token out of every message.

    Args:
        http: with the base URL and the credentials as headers.
        hint: what to look at when the forge says no.
    """

    def __init__(self, http: httpx.Client, hint: str) -> None:
        self._http = http
        self._hint = hint

    def pages(self, path: str, parameters: Mapping[str, str | int]) -> Iterator[dict[str, Any]]:
        """Every entry of a list, page by page: a thread may have hundreds.

        Raises:
            ForgeError: the list cannot be read.
        """
        url: str | None = path
        given: Mapping[str, str | int] | None = {**parameters, "per_page": 100}
        for _ in range(_PAGES):
            if url is None:
                return
            answer = self.send("GET", url, parameters=given)
            entries: list[dict[str, Any]] = answer.json()
            yield from entries
            # The link has the parameters in it.
            url, given = answer.links.get("next", {}).get("url"), None

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        parameters: Mapping[str, str | int] | None = None,
        tries: int = TRIES,
    ) -> httpx.Response:
        """One request; tried again where the forge asks for it, or could not be reached.

        Raises:
            ForgeError: it answered no, or nothing at all.
        """
        problem = ""
        for attempt in range(tries):
            if attempt:
                pause(min(2.0**attempt, _LONGEST_WAIT_S))
            try:
                answer = self._http.request(method, path, json=body, params=parameters, timeout=_TIMEOUT_S)
            except httpx.TransportError as error:
                problem = f"{type(error).__name__}: {error}"
                continue
            if answer.status_code < _ERROR:
                return answer
            problem = _said(answer)
            if not _worth_another_try(answer):
                break
            pause(_asked_for(answer))
        raise ForgeError(f"{method} {httpx.URL(path).path}: {problem}. Fix: {self._hint}")


def _worth_another_try(answer: httpx.Response) -> bool:
    limited = answer.status_code == _FORBIDDEN and (
        "retry-after" in answer.headers or answer.headers.get("x-ratelimit-remaining") == "0"
    )
    return answer.status_code in _AGAIN or limited


def _asked_for(answer: httpx.Response) -> float:
    """Seconds that the forge asks to wait, within reason: a pull request does not wait an hour for its comment."""
    given = str(answer.headers.get("retry-after", "0"))
    return min(float(given), _LONGEST_WAIT_S) if given.isascii() and given.isdigit() else 0.0


def _said(answer: httpx.Response) -> str:
    try:
        document: Any = answer.json()
        message = str(document.get("message", ""))
    except (ValueError, AttributeError):
        message = ""
    return f"HTTP {answer.status_code} {message or answer.reason_phrase}"
