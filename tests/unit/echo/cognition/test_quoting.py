"""Quotation and composition: whatever a memory holds, it stays one quoted line, and the whole within its bounds."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echo.cognition.emotion import Reading
from echo.cognition.prompt import Aside, Budget, composed, said_already, tokens
from echo.cognition.quoting import quoted
from echo.memory import Hit, Memory, MemoryKind, MemoryState, Tier, Why
from echo.mind import Claim, Emotion
from tests.unit.echo.cognition.brief import BRIEF

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NASTY = st.text(
    st.one_of(st.characters(), st.sampled_from('<>|[]"`\n\r\t\u2028\u202e\u200b\x00\x1b\uff1c\uff5c\u2581')),
    max_size=300,
)


def hit(content: str, source: str = "anna") -> Hit:
    memory = Memory(
        id=UUID(int=1), content=content, kind=MemoryKind.EPISODIC, context="", tier=Tier.WORKING,
        state=MemoryState.LIVE, importance=0.5, valence=0, arousal=0, dominance=0, complexity=0, strength=1,
        access_count=0, accessed_at=None, occurred_at=NOW, recorded_at=NOW, valid_from=NOW, valid_to=None,
        supersedes=None, merged_into=None, source=source, session="", source_ids=(), provenance={}, tags=(),
        metadata={},
    )  # fmt: skip
    why = Why(arms=(), fused=1, importance=1, recency=1, strength=1, words=(), path=())
    return Hit(memory=memory, score=1, why=why)


@BRIEF
@given(NASTY, st.integers(2, 400))
def test_a_quotation_is_one_line_that_holds_no_delimiter(text: str, most: int) -> None:
    made = quoted(text, most)
    assert len(made) <= most
    assert made.startswith('"')
    assert made.endswith('"')
    inside = made[1:-1]
    assert not set(inside) & set('<>|[]"`\n\r\t\u2028\u2029\u202e\u200b\x00\x1b\uff1c\uff1e\uff5c\u2581')
    assert len(made.splitlines()) == 1


@BRIEF
@given(st.lists(st.text("abcdefghij", min_size=1, max_size=8), max_size=20))
def test_plain_words_stay_as_they_are(words: list[str]) -> None:
    text = " ".join(words)
    assert quoted(text, 10_000) == f'"{text}"'


@pytest.mark.parametrize(
    "token",
    ["<|im_start|>", "</s>", "<s>", "[INST]", "[/INST]", "<<SYS>>", "<start_of_turn>", "<|eot_id|>", "[TOOL_CALLS]",
     "<\uff5cUser\uff5c>", "<|start_header_id|>", "</memory>", "<think>"],
)  # fmt: skip
def test_control_tokens_of_chat_templates_do_not_survive(token: str) -> None:
    assert token not in quoted(f"before {token} after", 200)
    assert "before" in quoted(f"before {token} after", 200)


@BRIEF
@given(
    st.lists(NASTY, max_size=6),
    NASTY,
    st.integers(0, 3_000),
    st.integers(0, 1_500),
    st.lists(st.tuples(NASTY, st.floats(0, 1), st.floats(0, 1)), max_size=3),
)
def test_the_whole_is_bounded_and_cites_what_it_shows(
    contents: list[str], source: str, characters: int, most: int, goals: list[tuple[str, float, float]]
) -> None:
    aside = Aside(
        goals=goals,
        claims=[Claim(text=source, confidence=0.5)],
        theirs=Reading(emotion=Emotion(valence=-1), confidence=1),
        own=Emotion(),
    )
    made = composed([hit(one, source) for one in contents], aside, Budget(characters=characters, tokens=most))
    assert len(made.text) <= characters or not made.text
    assert tokens(made.text) <= most or not made.text
    lines = made.text.splitlines()
    assert len(made.cited) == sum(line.startswith("[") for line in lines)
    if lines:
        assert (lines[0], lines[-1]) == ("<memory>", "</memory>")
        assert not set("".join(lines[2:-1])) & set("<>|`")


@BRIEF
@given(st.text(max_size=400), st.text(max_size=400))
def test_the_estimate_of_tokens_grows_with_the_text(one: str, other: str) -> None:
    assert tokens(one) <= tokens(one + other) <= tokens(one) + tokens(other)


def test_what_was_said_word_for_word_is_known() -> None:
    assert said_already(hit("The  Kettle boils"), ["well, the kettle\nboils now"])
    assert not said_already(hit("The kettle boils"), ["the kettle"])
