"""The agent's page says what the code has: metrics, configuration, phases, Events, paths.

Not shown: that its sentences are true; the tests of a running agent are for that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import httpx
from pydantic import BaseModel

from ollama import OllamaClient
from replica_agent.config import AgentConfig
from replica_agent.events import Reason
from replica_agent.loaded import Loaded
from replica_agent.metrics import Metrics
from replica_agent.paths import refusal_of
from replica_agent.report import ModelPhase
from replica_agent.status import Status

PAGE = (Path(__file__).parents[3] / "docs" / "replica-agent.md").read_text()
CODE = re.compile(r"`([^`]+)`")


def first_column(heading: str) -> set[str]:
    """Return the codes in the first column of a section's tables."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
    return {name for row in rows for name in CODE.findall(row)}


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner: Any = next(
            (one for one in (field.annotation, *get_args(field.annotation)) if isinstance(one, type)), None
        )
        here = prefix + (field.alias if field.alias is not None else name)
        if inner is not None and issubclass(inner, BaseModel):
            yield from keys(inner, f"{here}.")
        else:
            yield here


def test_metrics() -> None:
    metrics = Metrics(Status("chat", "chat-0"), Path("/"))
    # It asks nothing before it is run.
    metrics.registry.register(Loaded(OllamaClient(httpx.AsyncClient(), "chat-0"), str))
    text = metrics.render().decode()
    there = set(re.findall(r"^# TYPE (replica_\S+) (?:counter|gauge|histogram)$", text, re.MULTILINE))
    assert set(re.findall(r"gen_ai_\w+_seconds", PAGE)) == set(re.findall(r"^# TYPE (gen_ai_\S+)", text, re.MULTILINE))
    assert {name for name in first_column("Metrics") if name.startswith("replica_")} == there


def test_configuration() -> None:
    assert first_column("Configuration") - {"api"} == set(keys(AgentConfig))


def test_phases_and_events() -> None:
    assert first_column("Phases") == set(get_args(ModelPhase))
    assert first_column("Events") == set(get_args(Reason))


def test_paths_of_the_gate() -> None:
    paths = first_column("The gate")
    assert len(paths) == 16
    for path in paths:
        one = path.replace("{model}", "a:1").encode()
        assert None in (refusal_of("GET", one), refusal_of("POST", one)), path
