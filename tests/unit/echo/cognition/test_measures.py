"""Resonance, surprise, patterns, statements and places: bounds, order, and that the same gives the same."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echo.cognition.emotion import Reading
from echo.cognition.extracting import grounded
from echo.cognition.patterns import Matcher, analyse
from echo.cognition.places import Place, locus, places_in
from echo.cognition.resonance import Trace, congruence, echo, running
from echo.cognition.statements import Fact, facts_in
from echo.cognition.surprise import associability, importance, surprise
from echo.cognition.wording import alike, overlap, stems, taken_up
from echo.memory import Association, AssociationKind, Experience, Pattern, PatternKind, PatternTier, Walk
from echo.mind import Emotion
from tests.unit.echo.cognition.brief import BRIEF

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHARE = st.floats(0, 1)
EMOTIONS = st.builds(
    Emotion, valence=st.floats(-1, 1), arousal=SHARE, dominance=st.floats(-1, 1), complexity=SHARE
)  # fmt: skip
TRACES = st.lists(st.builds(Trace, similarity=st.floats(-1, 1), emotion=EMOTIONS), max_size=20)
READINGS = st.builds(Reading, emotion=EMOTIONS, confidence=SHARE)
WORDS = st.frozensets(st.text("abc", min_size=1, max_size=3), max_size=8)


@BRIEF
@given(TRACES)
def test_resonance_is_a_share_below_1_in_any_order(traces: list[Trace]) -> None:
    made = echo(traces)
    assert 0 <= made.intensity < 1
    assert made.intensity == pytest.approx(echo(traces[::-1]).intensity)
    assert made.feeling.confidence == made.intensity


@BRIEF
@given(TRACES, st.floats(0.01, 1), st.floats(0, 0.5), EMOTIONS)
def test_more_and_nearer_memories_resound_more(
    traces: list[Trace], similarity: float, nearer: float, emotion: Emotion
) -> None:
    one = echo([*traces, Trace(similarity=similarity, emotion=emotion)])
    assert one.intensity >= echo(traces).intensity
    other = echo([*traces, Trace(similarity=min(1, similarity + nearer), emotion=emotion)])
    assert other.intensity >= one.intensity


@BRIEF
@given(TRACES, EMOTIONS)
def test_what_is_unlike_does_not_resound(traces: list[Trace], emotion: Emotion) -> None:
    assert echo([Trace(similarity=-1, emotion=emotion)]).intensity == 0
    assert echo([*traces, Trace(similarity=-0.5, emotion=emotion)]).intensity == pytest.approx(echo(traces).intensity)


@BRIEF
@given(EMOTIONS, st.floats(0.1, 1))
def test_what_comes_back_feels_as_what_was_remembered(emotion: Emotion, similarity: float) -> None:
    back = echo([Trace(similarity=similarity, emotion=emotion)]).feeling
    assert back.emotion.valence == pytest.approx(emotion.valence)
    assert congruence(back, Reading(emotion=emotion, confidence=1)) == pytest.approx(1)


@BRIEF
@given(READINGS, READINGS)
def test_congruence_is_a_share_or_unknown(one: Reading, other: Reading) -> None:
    value = congruence(one, other)
    assert (value is None) == (one.confidence == 0 or other.confidence == 0)
    assert value is None or 0 <= value <= 1


@BRIEF
@given(st.none() | SHARE, st.lists(SHARE, min_size=1))
def test_a_running_mean_stays_among_its_values(before: float | None, values: list[float]) -> None:
    mean = before
    for value in values:
        mean = running(mean, value)
    assert mean is not None
    seen = [*values, *([] if before is None else [before])]
    assert min(seen) - 1e-9 <= mean <= max(seen) + 1e-9


@BRIEF
@given(st.lists(SHARE, max_size=10))
def test_surprise_is_a_share_and_falls_with_what_is_known(strengths: list[float]) -> None:
    value = surprise(strengths)
    assert (value is None) == (not strengths)
    if value is not None:
        assert 0 <= value <= 1
        stronger = surprise([min(1, one + 0.1) for one in strengths])
        assert stronger is not None
        assert stronger <= value + 1e-9
    assert surprise([0.0, 0.0]) == 1
    assert surprise([1.0]) == 0


@BRIEF
@given(SHARE, SHARE)
def test_the_rate_of_learning_follows_surprise(before: float, surprised: float) -> None:
    after = associability(before, surprised)
    assert after is not None
    assert min(before, surprised) - 1e-9 <= after <= max(before, surprised) + 1e-9
    assert associability(before, None) == before
    assert associability(None, surprised) == surprised
    for _ in range(60):
        before = associability(before, surprised) or 0.0
    assert before == pytest.approx(surprised, abs=1e-6)


@BRIEF
@given(st.none() | SHARE, SHARE, SHARE, SHARE)
def test_importance_grows_with_each_part_and_never_protects_from_forgetting(
    surprised: float | None, arousal: float, relevance: float, more: float
) -> None:
    value = importance(surprised=surprised, arousal=arousal, relevance=relevance)
    assert 0.2 <= value < 0.8
    assert importance(surprised=surprised, arousal=max(arousal, more), relevance=relevance) >= value
    assert importance(surprised=surprised, arousal=arousal, relevance=max(relevance, more)) >= value


@BRIEF
@given(WORDS, WORDS)
def test_words_in_common(one: frozenset[str], other: frozenset[str]) -> None:
    assert 0 <= taken_up(one, other) <= 1
    assert overlap(one, other) == overlap(other, one)
    assert 0 <= overlap(one, other) <= 1
    assert overlap(one, one) == bool(one)


@BRIEF
@given(st.text(max_size=12), st.text(max_size=12))
def test_likeness_of_writing(one: str, other: str) -> None:
    assert 0 <= alike(one, other) <= 1
    assert alike(one, other) == alike(other, one)
    assert alike(one, one) == 1


def test_stems() -> None:
    assert stems("The kettles are boiling") == stems("a kettle boils")
    assert stems("baking") == stems("bakes") == stems("to bake")
    assert stems("of the and") == frozenset()


def _experience(said: str, answered: str = "", feedback: float | None = None) -> Experience:
    return Experience(
        id=UUID(int=1), input=said, output=answered, feedback=feedback, context={}, memory_ids=(), occurred_at=NOW,
        consolidated_at=None,
    )  # fmt: skip


def _pattern(kind: PatternKind, signature: str, strength: float) -> Pattern:
    return Pattern(
        id=UUID(int=2), kind=kind, signature=signature, tier=PatternTier.SHORT_TERM, strength=strength, frequency=1,
        confidence=0.5, first_seen=NOW, last_seen=NOW, source_ids=(),
    )  # fmt: skip


@BRIEF
@given(st.text(max_size=200), st.text(max_size=200))
def test_analysis_of_anything_is_repeatable_and_each_pattern_is_seen_once(said: str, answered: str) -> None:
    one = analyse(_experience(said, answered), Matcher([]))
    assert one == analyse(_experience(said, answered), Matcher([]))
    keys = [(seen.kind, seen.signature) for seen in one.observations]
    assert len(set(keys)) == len(keys) == len(one.strengths) == one.created
    assert all(0 < len(signature) <= 128 for _, signature in keys)
    known = Matcher([_pattern(seen.kind, seen.signature, 0.7) for seen in one.observations])
    again = analyse(_experience(said, answered), known)
    assert again.created == 0
    assert set(again.strengths) <= {0.7}


def test_a_topic_that_is_written_nearly_the_same_is_the_known_one() -> None:
    known = Matcher([_pattern(PatternKind.SEMANTIC, "topic: kettle", 0.6)])
    found = {seen.signature for seen in analyse(_experience("kettles everywhere"), known).observations}
    assert "topic: kettle" in found
    assert "topic: kettles" not in found
    assert known.match(PatternKind.SEMANTIC, "topic: garden") is None
    assert known.match(PatternKind.CONTEXTUAL, "topic: kettles") is None


def test_what_is_felt_and_what_an_answer_says_of_itself_are_patterns() -> None:
    seen = analyse(_experience("I am furious, angry!", "I can't help. I believe you."), Matcher([])).observations
    names = {one.signature for one in seen}
    assert {"feeling: hostile", "self: cant help", "self: believe you"} <= names


@pytest.mark.parametrize(
    ("said", "facts"),
    [
        ("My name is Anna.", [("name", "Anna")]),
        ("I live in Kiel and my dog is a beagle!", [("dog", "a beagle"), ("home", "Kiel")]),
        ("I hate fish", [("likes fish", "no")]),
        ("I'm allergic to nuts, sadly.", [("allergy", "nuts")]),
        ("Is my name Anna?", []),
        ("My password is hunter2", []),
        ("My question is simple", []),
        ("The kettle is red", []),
    ],
)
def test_facts_that_somebody_states(said: str, facts: list[tuple[str, str]]) -> None:
    assert sorted((one.attribute, one.value) for one in facts_in(said)) == facts


@BRIEF
@given(st.text(max_size=400))
def test_statements_and_places_of_any_text_are_bounded(text: str) -> None:
    assert len(facts_in(text)) <= 8
    assert len(places_in(text)) <= 8
    for fact in facts_in(text):
        assert fact.attribute
        assert fact.value


def test_facts_that_a_model_made_up_are_dropped() -> None:
    said = "My sister Clara moved to Oslo last spring"
    true = Fact(text="sister Clara moved to Oslo", attribute="sister's home", value="Oslo")
    false = Fact(text="sister Clara lives in Bergen", attribute="sister's home", value="Bergen")
    assert grounded([true, false], said) == [true]


def test_places() -> None:
    text = "The kettle is in the left cupboard, next to the sink. In the morning I sat at the window."
    assert places_in(text) == [Place("in", "left cupboard"), Place("next to", "sink"), Place("at", "window")]


def _edge(source: int, target: int) -> Association:
    return Association(
        source=UUID(int=source), target=UUID(int=target), kind=AssociationKind.SIMILAR_TO, weight=1, strengthened=0,
        created_at=NOW, activated_at=NOW,
    )  # fmt: skip


@BRIEF
@given(st.frozensets(st.integers(1, 8)), st.frozensets(st.integers(1, 8)))
def test_a_place_in_the_graph(here: frozenset[int], there: frozenset[int]) -> None:
    edges = tuple(_edge(a, b) for a in range(1, 9) for b in range(1, 9) if a < b)
    now, before = [UUID(int=one) for one in here], [UUID(int=one) for one in there]
    full = locus(Walk(steps=(), edges=edges, truncated=False), now, before)
    empty = locus(Walk(steps=(), edges=(), truncated=False), now, before)
    if len(here) > 1:
        assert (full.density, empty.density) == (1, 0)
    else:
        assert full.density is None
    assert full.drift is None or 0 <= full.drift <= 1
    if there and here == there:
        assert full.drift == 0
