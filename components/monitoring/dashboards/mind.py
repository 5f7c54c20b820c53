"""Echo's mind: what comes to it, what it learns, what it feels, how it holds together."""

from components.monitoring.dashboards.builder import Board, Panel, Query, Row, line, number

_RECALL = "rate(echo_memory_recall_seconds_bucket[$__rate_interval])"
_LEARN = "rate(echo_memory_learn_seconds_bucket[$__rate_interval])"
_GONE_WELL = 'sum(rate(echo_memory_recalls_total{outcome=~"used|nothing"}[5m]))'

BOARD = Board(
    "mind",
    "Echorator: Echo's mind",
    (
        Row(
            "Now",
            (
                number("Coherence", 'measure:echo_mind:avg{measure="coherence"}'),
                number("Resonance", 'measure:echo_mind:avg{measure="resonance"}'),
                number("Rate of learning", 'measure:echo_mind:avg{measure="learning_rate"}'),
                number("Load", 'measure:echo_mind:avg{measure="load"}', limit=0.8),
                number("Spaces that learned", "sum(echo_mind_spaces)"),
                number(
                    "Recalls that went well", f"{_GONE_WELL} / sum(rate(echo_memory_recalls_total[5m]))", "percentunit"
                ),
            ),
            height=4,
        ),
        Row(
            "What it is like",
            (
                Panel(
                    "Measures",
                    (Query('measure:echo_mind:avg{measure!~"valence|arousal"}', "{{measure}}"),),
                    text="Means over the spaces in which this service learned since it runs.",
                ),
                Panel(
                    "Feelings",
                    (Query("avg by (dimension) (echo_mind_emotion >= -1)", "{{dimension}}"),),
                    text="Valence and dominance go from -1 to 1, arousal and complexity from 0 to 1.",
                    least=-1,
                ),
                Panel(
                    "Unlike the day before",
                    (
                        Query(
                            "abs(measure:echo_mind:avg - avg_over_time(measure:echo_mind:avg[1d]))",
                            "{{measure}}",
                        ),
                    ),
                    text="MindUnlikeItself fires above a tenth, where that is four standard deviations too.",
                ),
            ),
        ),
        Row(
            "Recall",
            (
                line(
                    "By outcome",
                    "sum by (outcome) (rate(echo_memory_recalls_total[$__rate_interval]))",
                    "{{outcome}}",
                    "reqps",
                ),
                Panel(
                    "Time before an answer",
                    (
                        Query(f"histogram_quantile(0.95, sum by (le) ({_RECALL}))", "95 of 100"),
                        Query(f"histogram_quantile(0.5, sum by (le) ({_RECALL}))", "half"),
                    ),
                    "s",
                    limit=1,
                ),
                line(
                    "Memories for each recall",
                    "sum(rate(echo_memory_recalled_total[5m])) / sum(rate(echo_memory_recalls_total[5m]))",
                    "memories",
                ),
            ),
        ),
        Row(
            "Learning",
            (
                line(
                    "Turns, by what became of them",
                    "sum by (outcome) (rate(echo_memory_turns_total[$__rate_interval]))",
                    "{{outcome}}",
                    "reqps",
                ),
                line(
                    "Time of one turn, 95 of 100", f"histogram_quantile(0.95, sum by (le) ({_LEARN}))", "95 of 100", "s"
                ),
                line("Turns that wait", "sum(echo_memory_turns_waiting)", "waiting", limit=100),
                line("Experiences", "sum(echo_mind_experiences)", "experiences"),
                line("Patterns", "sum(echo_mind_patterns)", "patterns"),
                line(
                    "Consolidated and forgotten in an hour",
                    "sum by (what) (increase(echo_memory_tidied_total[1h]))",
                    "{{what}}",
                ),
                line(
                    "Answers judged in an hour",
                    "sum by (verdict) (increase(echo_memory_judged_total[1h]))",
                    "{{verdict}}",
                ),
            ),
        ),
    ),
)
