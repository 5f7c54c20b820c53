"""Words that carry a feeling, with pleasure (-1 to 1), arousal (0 to 1) and dominance (-1 to 1) of each.

The figures are this project's own, in steps of a tenth, on the scales of Mehrabian's PAD model; they are coarse on
purpose and copied from no published list. Base forms only: `affect` takes endings off.
"""

from __future__ import annotations

_GROUPS: tuple[tuple[float, float, float, str], ...] = (
    # pleasure, arousal, dominance
    (0.9, 0.7, 0.6, "joy joyful overjoyed delight delighted thrill thrilled ecstatic elated triumph triumphant"),
    (0.8, 0.6, 0.5, "happy happiness wonderful amazing awesome fantastic brilliant excellent great superb marvellous"),
    (0.8, 0.6, 0.6, "win won victory succeed success celebrate celebration proud pride achieve achievement"),
    (0.7, 0.7, 0.3, "excite excited exciting exhilarating laugh laughter fun funny hilarious enjoy enjoyable"),
    (0.8, 0.5, 0.3, "love lovely beloved adore cherish beautiful gorgeous"),
    (0.6, 0.3, 0.3, "good nice pleasant pleased glad kindness sweet warm friendly welcome smile"),
    (0.6, 0.3, 0.4, "thank grateful gratitude appreciate appreciated helpful useful perfect"),
    (0.6, 0.2, 0.5, "calm peace peaceful relax relaxed serene comfortable cosy safe secure"),
    (
        0.5,
        0.4,
        0.6,
        "confident confidence strong strength capable able easy solve solved improve improved better",
    ),
    (0.5, 0.5, 0.3, "hope hopeful optimistic curious interesting interested fascinating inspire inspired"),
    (0.4, 0.6, -0.1, "surprise surprised astonish astonished wow"),
    (0.5, 0.2, -0.1, "gentle tender trust trusting relief relieved"),
    (0.3, 0.2, 0.5, "certain clear understood decided control"),
    (-0.2, 0.4, -0.3, "confuse confused confusing unclear unsure uncertain puzzled doubt doubtful"),
    (-0.4, 0.2, -0.4, "bored boring tired weary dull tedious monotonous sleepy exhausted exhausting"),
    (-0.6, 0.3, -0.5, "sad sadness unhappy sorrow sorry missing regret lonely loneliness alone gloomy"),
    (-0.8, 0.4, -0.6, "grief grieve mourn cry cried tears heartbroken depressed depression despair hopeless misery"),
    (-0.8, 0.5, -0.5, "die died death dead loss lost funeral cancer tragedy tragic"),
    (-0.6, 0.7, -0.5, "afraid fear fearful scared scary frightened frightening anxious anxiety nervous worry worried"),
    (-0.8, 0.9, -0.6, "panic terror terrified terrifying horror horrible horrified emergency attack danger dangerous"),
    (-0.5, 0.6, -0.4, "stress stressed stressful overwhelmed pressure tense upset shaken hurt pain painful ache"),
    (-0.6, 0.7, 0.3, "angry anger annoyed annoying irritated irritating mad frustrated frustrating frustration"),
    (-0.8, 0.9, 0.4, "furious rage enraged hate hatred outrage outraged outrageous vicious violent kill"),
    (-0.7, 0.5, 0.2, "disgust disgusted disgusting awful terrible nasty gross vile rotten"),
    (-0.6, 0.4, 0.1, "bad worse worst ugly unfair cruel rude insult insulted stupid useless ridiculous"),
    (-0.5, 0.4, -0.5, "fail failed failure broken breaks crash crashed error wrong mistake problem trouble stuck"),
    (-0.5, 0.3, -0.6, "weak helpless powerless unable impossible victim defeated rejected abandoned ignored"),
    (-0.5, 0.4, -0.6, "ashamed shame embarrassed embarrassing guilt guilty humiliated inferior"),
    (-0.4, 0.4, -0.2, "disappoint disappointed disappointing disappointment dissatisfied complain unfortunately"),
    (-0.4, 0.4, -0.1, "jealous envy envious bitter suspicious distrust"),
    (-0.3, 0.6, 0.1, "urgent urgently hurry immediately asap"),
    (-0.4, 0.3, -0.3, "sick ill illness headache fever unwell"),
)

WORDS: dict[str, tuple[float, float, float]] = {
    word: (pleasure, arousal, dominance) for pleasure, arousal, dominance, words in _GROUPS for word in words.split()
}
_NEGATIONS = (
    "not no never none nobody nothing without cannot neither nor hardly barely isn't wasn't aren't weren't don't "
    "doesn't didn't can't couldn't won't wouldn't shouldn't haven't hasn't hadn't ain't"
)
NEGATIONS = frozenset(_NEGATIONS.split())
BOOSTERS = frozenset(
    "very really extremely so too absolutely completely totally incredibly deeply utterly terribly awfully".split()  # noqa: SIM905
)
