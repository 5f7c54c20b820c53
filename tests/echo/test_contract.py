"""The whole API against its own description: schemathesis sends what the schema allows, and what it does not.

Shown: no answer is 5xx, every status is described, and every body is of the shape that its status promises.
Not shown: the import, which takes lines and no JSON; that what is wrong is always refused, nor that answers are right.
"""

from __future__ import annotations

import itertools
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import checks
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks as openapi

from tests.echo.remembering import MODEL, SHORT, Remembering
from tests.replica_agent.harness import until

pytestmark = [pytest.mark.ollama, pytest.mark.timeout(240)]

# Its own types are too loose for the type checker.
CHECKS: list[Any] = [
    getattr(where, name)
    for where, name in (
        (checks, "not_a_server_error"),
        (openapi, "status_code_conformance"),
        (openapi, "content_type_conformance"),
        (openapi, "response_schema_conformance"),
    )
]
EXAMPLES = 4
SLOW_IS_WELL: Any = list(HealthCheck)
PATHS = r"^/(echo/|health|models/health|dte/health|api/(health|tags|ps|version)|v1/models)"


def test_the_api_keeps_to_its_description(home: Remembering) -> None:
    """On a real database with something in it; every other id is one that is there."""
    key = {"authorization": f"Bearer {home.ann.key}"}
    schema = schemathesis.openapi.from_url(f"{home.echo.main}/openapi.json", headers=key)
    memories = itertools.cycle([home.remember(home.ann, f"Contract {i}.", tags=["contract"]) for i in range(6)])
    with home.client(home.ann, "ann") as http:
        goal = http.post("/echo/goals", json={"text": "hold the contract"}).json()["id"]
        said = {"messages": [{"role": "user", "content": "Hold it."}], "echo": {"conversation": "contract"}}
        http.post("/api/chat", json={"model": MODEL, "stream": False, "options": SHORT, **said})
        until(lambda: http.get("/echo/conversations/contract").status_code == 200, 90)
    mine = {**key, "x-echo-space": "ann"}
    turn = itertools.count()
    seen: dict[str, set[int]] = {}

    def check(case: Any) -> None:
        # Ids that a schema makes up are of nothing.
        if next(turn) % 2:
            if "memory" in case.path_parameters:
                case.path_parameters["memory"] = next(memories)
            if "goal" in case.path_parameters:
                case.path_parameters["goal"] = goal
            if case.path == "/echo/feedback" and isinstance(case.body, dict) and "value" in case.body:
                case.body = {"conversation": "contract", "value": case.body["value"]}
        answer = case.call_and_validate(checks=CHECKS, headers=mine)
        seen.setdefault(f"{case.method} {case.path}", set()).add(answer.status_code)

    whole: Any = schema
    operations = whole.include(path_regex=PATHS).exclude(path="/echo/memories/import").get_all_operations()
    for found in operations:
        operation = found.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            run = given(case=operation.as_strategy(generation_mode=mode))(check)
            with suppress(Unsatisfiable):
                # Where nothing can be given, nothing can be wrong.
                settings(
                    max_examples=EXAMPLES,
                    deadline=None,
                    derandomize=True,
                    database=None,
                    phases=[Phase.generate],
                    suppress_health_check=SLOW_IS_WELL,
                )(run)()
    assert len([name for name in seen if " /echo/" in name]) >= 23
    # What is described works: each path that names no id was answered well at least once.
    poor = {name for name, statuses in seen.items() if "{" not in name and min(statuses) >= 300}
    assert poor == set()
