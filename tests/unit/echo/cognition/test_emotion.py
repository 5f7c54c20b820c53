"""Feelings, for any feeling and any time: bounded, at rest where nothing happens, the same in one stretch or many.

Does not prove that the lexicon's figures are a person's; only that words move feelings the way their figures say.
"""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from echo.cognition import lexicon
from echo.cognition.affect import reading, variety
from echo.cognition.emotion import (
    DIMENSIONS,
    HIGH,
    LOW,
    NEUTRAL,
    OCTANTS,
    Feeling,
    Reading,
    Tempo,
    appraised,
    clamped,
    described,
    distance,
    moved_by,
    octant,
    passed,
    together,
)
from echo.mind import Emotion
from tests.unit.echo.cognition.brief import BRIEF

UNIT = st.floats(0, 1)
BOTH = st.floats(-1, 1)
EMOTIONS = st.builds(Emotion, valence=BOTH, arousal=UNIT, dominance=BOTH, complexity=UNIT)
FEELINGS = st.builds(Feeling, emotion=EMOTIONS, mood=EMOTIONS)
READINGS = st.builds(Reading, emotion=EMOTIONS, confidence=UNIT)
SECONDS = st.floats(0, 1e9)
TEMPOS = st.builds(
    Tempo,
    emotion_s=st.floats(1, 1e7), mood_s=st.floats(1, 1e7), temperament_s=st.floats(1, 1e7),
    temperament=EMOTIONS, gain=UNIT,
)  # fmt: skip


def _within(emotion: Emotion) -> bool:
    return clamped(emotion) == emotion


def _close(one: Emotion, other: Emotion, tolerance: float = 1e-6) -> bool:
    return all(math.isclose(getattr(one, d), getattr(other, d), abs_tol=tolerance) for d in DIMENSIONS)


@BRIEF
@given(FEELINGS, SECONDS, TEMPOS)
def test_what_time_leaves_lies_between_emotion_mood_and_temperament(
    before: Feeling, seconds: float, tempo: Tempo
) -> None:
    after = passed(before, seconds, tempo)
    for name in DIMENSIONS:
        ends = [getattr(one, name) for one in (before.emotion, before.mood, tempo.temperament)]
        for one in (after.emotion, after.mood):
            assert min(ends) - 1e-9 <= getattr(one, name) <= max(ends) + 1e-9
    assert _within(after.emotion)
    assert _within(after.mood)


@BRIEF
@given(FEELINGS, st.floats(0, 1e6), st.floats(0, 1e6), TEMPOS)
def test_time_in_one_stretch_or_in_two_is_the_same(before: Feeling, first: float, second: float, tempo: Tempo) -> None:
    once = passed(before, first + second, tempo)
    twice = passed(passed(before, first, tempo), second, tempo)
    assert _close(once.emotion, twice.emotion)
    assert _close(once.mood, twice.mood)


@BRIEF
@given(FEELINGS, TEMPOS)
def test_everything_comes_back_to_the_temperament_and_stays(before: Feeling, tempo: Tempo) -> None:
    end = passed(before, 1e18, tempo)
    assert _close(end.emotion, tempo.temperament)
    assert _close(end.mood, tempo.temperament)
    rest = Feeling(emotion=tempo.temperament, mood=tempo.temperament)
    assert _close(passed(rest, 12_345.0, tempo).emotion, tempo.temperament)


@BRIEF
@given(FEELINGS, TEMPOS, st.floats(-1e9, 0))
def test_a_clock_that_went_back_changes_nothing(before: Feeling, tempo: Tempo, seconds: float) -> None:
    assert passed(before, seconds, tempo) == before


@BRIEF
@given(FEELINGS, READINGS, TEMPOS)
def test_a_reading_moves_towards_itself_and_never_past(before: Feeling, read: Reading, tempo: Tempo) -> None:
    after = moved_by(before, read, tempo)
    assert after.mood == before.mood
    for name in DIMENSIONS:
        was, goal, now = (getattr(one, name) for one in (before.emotion, read.emotion, after.emotion))
        assert min(was, goal) - 1e-9 <= now <= max(was, goal) + 1e-9
    assert distance(after.emotion, read.emotion) <= distance(before.emotion, read.emotion) + 1e-9


@BRIEF
@given(FEELINGS, EMOTIONS, TEMPOS)
def test_what_shows_no_feeling_moves_none(before: Feeling, shown: Emotion, tempo: Tempo) -> None:
    assert moved_by(before, Reading(emotion=shown, confidence=0), tempo) == before


@BRIEF
@given(st.lists(READINGS, max_size=60), TEMPOS)
def test_any_number_of_readings_stays_within_bounds(readings: list[Reading], tempo: Tempo) -> None:
    feeling = Feeling()
    for one in readings:
        feeling = passed(moved_by(feeling, one, tempo), 60, tempo)
        assert _within(feeling.emotion)
        assert _within(feeling.mood)


def test_small_events_do_not_add_up_to_the_extreme() -> None:
    feeling = Feeling()
    slight = Reading(emotion=Emotion(valence=0.05, dominance=0.05), confidence=1)
    for _ in range(1_000):
        feeling = moved_by(feeling, slight, Tempo())
    assert feeling.emotion.dominance <= 0.05 + 1e-9
    assert feeling.emotion.valence <= 0.05 + 1e-9


@BRIEF
@given(st.lists(st.tuples(READINGS, UNIT), max_size=6))
@example([(Reading(emotion=Emotion(complexity=0.5), confidence=1), 5e-324)])
def test_readings_together_lie_among_them_and_are_surer_than_each(readings: list[tuple[Reading, float]]) -> None:
    whole = together(readings)
    shares = [one.confidence * weight for one, weight in readings]
    assert max(shares, default=0) - 1e-9 <= whole.confidence <= 1
    counted = [one.emotion for one, weight in readings if one.confidence * weight > 0]
    for name in DIMENSIONS:
        values = [getattr(one, name) for one in counted] or [0.0]
        assert min(values) - 1e-9 <= getattr(whole.emotion, name) <= max(values) + 1e-9


@BRIEF
@given(BOTH, BOTH)
def test_a_better_outcome_pleases_more_and_gives_more_control(one: float, other: float) -> None:
    low, high = sorted((one, other))
    worse, better = appraised(low).emotion, appraised(high).emotion
    assert worse.valence <= better.valence
    assert worse.dominance <= better.dominance
    assert appraised(None).confidence == 0


@BRIEF
@given(EMOTIONS, EMOTIONS, EMOTIONS)
def test_distance_is_a_metric_from_0_to_1(one: Emotion, other: Emotion, third: Emotion) -> None:
    assert 0 <= distance(one, other) <= 1
    assert distance(one, one) == 0
    assert distance(one, other) == pytest.approx(distance(other, one))
    assert distance(one, third) <= distance(one, other) + distance(other, third) + 1e-9
    assert distance(LOW, HIGH) == pytest.approx(1)


@BRIEF
@given(EMOTIONS)
def test_every_emotion_has_an_octant_and_words(emotion: Emotion) -> None:
    assert octant(emotion) in set(OCTANTS.values())
    assert described(emotion)


@BRIEF
@given(st.text(max_size=500))
def test_any_text_gives_a_bounded_reading_the_same_each_time(text: str) -> None:
    read = reading(text)
    assert _within(read.emotion)
    assert 0 <= read.confidence < 1
    assert read == reading(text)


@BRIEF
@given(st.lists(st.sampled_from(sorted(lexicon.WORDS)), min_size=1, max_size=30))
def test_a_text_of_feeling_words_feels_as_they_do(words: list[str]) -> None:
    read = reading(" ".join(words))
    figures = [lexicon.WORDS[word] for word in words]
    for name, column in (("valence", 0), ("arousal", 1), ("dominance", 2)):
        values = [one[column] for one in figures]
        assert min(values) - 1e-9 <= getattr(read.emotion, name) <= max(values) + 1e-9
    assert reading(" ".join([*words, words[0]])).confidence > read.confidence


@BRIEF
@given(st.sampled_from(sorted(word for word, (pleasure, _, _) in lexicon.WORDS.items() if abs(pleasure) >= 0.2)))
def test_denial_turns_pleasure_round_and_weakens_it(word: str) -> None:
    plain, denied = reading(f"It was {word}"), reading(f"It was not {word}")
    assert plain.emotion.valence * denied.emotion.valence < 0
    assert abs(denied.emotion.valence) < abs(plain.emotion.valence)


@BRIEF
@given(st.sampled_from(sorted(lexicon.WORDS)), st.integers(0, 10))
def test_emphasis_only_adds_arousal(word: str, marks: int) -> None:
    plain, loud = reading(word).emotion, reading(word + "!" * marks).emotion
    assert plain.arousal <= loud.arousal <= 1
    assert plain.valence == loud.valence


def test_the_figures_of_the_lexicon_are_within_their_scales() -> None:
    for pleasure, arousal, dominance in lexicon.WORDS.values():
        assert _within(Emotion(valence=pleasure, arousal=arousal, dominance=dominance))


@pytest.mark.parametrize(
    ("text", "pleasant"),
    [
        ("I am so happy with this, thank you!", True),
        ("This is not good at all", False),
        ("I'm worried and scared about tomorrow", False),
        ("He was amazed and delighted", True),
        ("nothing went wrong", True),
    ],
)
def test_sentences(text: str, pleasant: bool) -> None:
    assert (reading(text).emotion.valence > 0) is pleasant


def test_a_text_without_feeling_shows_none() -> None:
    assert reading("The train to Bonn leaves at 7 from platform 2").confidence == 0


@BRIEF
@given(st.lists(EMOTIONS, min_size=1, max_size=40))
def test_complexity_is_0_for_one_kind_of_feeling_and_grows_with_their_number(felt: list[Emotion]) -> None:
    assert 0 <= variety(felt) <= 1
    assert variety([felt[0]] * 5) == 0


def test_complexity_is_1_for_all_eight_kinds_evenly() -> None:
    corners = [
        Emotion(valence=0.5 if p else -0.5, arousal=0.9 if a else 0.1, dominance=0.5 if d else -0.5)
        for p, a, d in OCTANTS
    ]
    assert variety(corners) == pytest.approx(1)
    values = [variety(corners[:n]) for n in range(1, 9)]
    assert values == sorted(values)
    assert (
        reading("I am happy but also scared and furious").emotion.complexity > reading("I am happy").emotion.complexity
    )
    assert reading("").emotion == NEUTRAL
