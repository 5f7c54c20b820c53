"""Reads a conversation set in LoCoMo's format: sessions of dialogue turns with ids, questions with evidence ids.

The set itself is not shipped: its licence (CC BY-NC 4.0) forbids some uses. A file is named by ECHORATOR_LOCOMO.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

TUNING = frozenset({"conv-26", "conv-30", "conv-41"})
"""Conversations that parameters may be chosen on; the others judge."""
COUNTED = frozenset({1, 2, 3, 4})
"""Categories with evidence; 5 asks for what was never said."""
_EVIDENCE = re.compile(r"D(\d+):0*(\d+)")
_EPOCH = datetime(2023, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Turn:
    """One turn of a dialogue."""

    dia_id: str
    speaker: str
    text: str
    """What was said, and what the shared picture shows."""
    session: str
    date: str
    """The session's date as the file writes it."""
    at: datetime

    @property
    def said(self) -> str:
        """The turn with its speaker."""
        return f"{self.speaker}: {self.text}"


@dataclass(frozen=True)
class Question:
    """One question and the turns that hold its answer."""

    text: str
    category: int
    evidence: frozenset[str]


@dataclass(frozen=True)
class Conversation:
    """One long conversation."""

    name: str
    turns: tuple[Turn, ...]
    questions: tuple[Question, ...]


def load(path: Path) -> list[Conversation]:
    """Every conversation of a file."""
    return [_conversation(raw) for raw in json.loads(path.read_text(encoding="utf-8"))]


def _conversation(raw: dict[str, Any]) -> Conversation:
    spoken: dict[str, Any] = raw["conversation"]
    numbers = sorted(int(key.split("_")[1]) for key in spoken if re.fullmatch(r"session_\d+", key))
    turns: list[Turn] = []
    for number in numbers:
        date = str(spoken.get(f"session_{number}_date_time", ""))
        start = _moment(date, number)
        for i, turn in enumerate(spoken[f"session_{number}"]):
            caption = turn.get("blip_caption")
            text = turn["text"] if caption is None else f"{turn['text']} [picture: {caption}]"
            at = start + timedelta(seconds=30 * i)
            turns.append(Turn(turn["dia_id"], turn["speaker"], text, f"session_{number}", date, at))
    known = {turn.dia_id for turn in turns}
    questions = [
        Question(str(one["question"]), int(one["category"]), found)
        for one in raw["qa"]
        if int(one["category"]) in COUNTED and (found := evidence(one.get("evidence", ())) & known)
    ]
    return Conversation(str(raw["sample_id"]), tuple(turns), tuple(questions))


def evidence(ids: Any) -> frozenset[str]:
    """The ids in an evidence list; some strings hold several, or a leading zero, or a stray colon."""
    text = " ".join(str(one) for one in ids).replace("D:", "D")
    return frozenset(f"D{session}:{turn}" for session, turn in _EVIDENCE.findall(text))


def _moment(date: str, number: int) -> datetime:
    try:
        return datetime.strptime(date, "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
    except ValueError:
        return _EPOCH + timedelta(days=number)
