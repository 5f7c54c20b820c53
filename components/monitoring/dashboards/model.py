"""One server's models: how fast they answer, what they cost in memory."""

from components.monitoring.dashboards.builder import Board, Panel, Query, Row, Variable, line

_IN = '{server=~"$server", model=~"$model"}'


def _quantiles(metric: str) -> tuple[Query, ...]:
    return tuple(
        Query(
            f"histogram_quantile({share}, sum by (model, le) (rate({metric}_bucket{_IN}[$__rate_interval])))",
            f"{{{{model}}}} {name}",
        )
        for share, name in ((0.5, "half"), (0.95, "95 of 100"))
    )


BOARD = Board(
    "model",
    "Echorator: models",
    (
        Row(
            "Speed",
            (
                Panel("Time to the first token", _quantiles("replica_time_to_first_token_seconds"), "s"),
                Panel("Time of a whole answer", _quantiles("replica_request_seconds"), "s"),
                Panel("Tokens a second of one answer", _quantiles("replica_generated_tokens_per_second")),
                Panel("Tokens a second of reading a prompt", _quantiles("replica_prompt_tokens_per_second")),
                line(
                    "Seconds per token, by OpenTelemetry's name",
                    "sum by (gen_ai_request_model) (rate(gen_ai_server_time_per_output_token_seconds_sum"
                    '{gen_ai_request_model=~"$model"}[$__rate_interval])) / sum by (gen_ai_request_model) '
                    "(rate(gen_ai_server_time_per_output_token_seconds_count"
                    '{gen_ai_request_model=~"$model"}[$__rate_interval]))',
                    "{{gen_ai_request_model}}",
                    "s",
                ),
                line(
                    "Seconds spent waiting for a model to load",
                    f"sum by (model) (rate(replica_model_load_seconds_total{_IN}[$__rate_interval]))",
                    "{{model}}",
                    "s",
                ),
            ),
        ),
        Row(
            "Use",
            (
                line(
                    "Requests",
                    f"sum by (model, route) (rate(replica_requests_total{_IN}[$__rate_interval]))",
                    "{{model}} {{route}}",
                    "reqps",
                ),
                line("Tokens read", f"sum by (model) (server_model:replica_prompt_tokens:rate5m{_IN})", "{{model}}"),
                line(
                    "Tokens written", f"sum by (model) (server_model:replica_generated_tokens:rate5m{_IN})", "{{model}}"
                ),
                line(
                    "In flight",
                    'sum by (pod) (replica_requests_in_flight{server=~"$server"})',
                    "{{pod}}",
                ),
            ),
        ),
        Row(
            "Memory",
            (
                line("Memory of loaded models", f"replica_model_memory_bytes{_IN}", "{{pod}} {{model}}", "bytes"),
                line("Of that, on GPUs", f"replica_model_gpu_memory_bytes{_IN}", "{{pod}} {{model}}", "bytes"),
                Panel(
                    "Loads and unloads in an hour",
                    (
                        Query(f"sum by (model) (increase(replica_model_loads_total{_IN}[1h]))", "{{model}} in"),
                        Query(f"sum by (model) (increase(replica_model_unloads_total{_IN}[1h]))", "{{model}} out"),
                    ),
                ),
            ),
        ),
        Row(
            "State",
            (
                Panel("Phases", (Query(f"replica_model_phase{_IN} == 1"),), kind="table", width=12),
                Panel("Digests", (Query(f"replica_model_info{_IN}"),), kind="table", width=12),
            ),
        ),
    ),
    (
        Variable("server", "label_values(replica_admitted, server)"),
        Variable("model", "label_values(replica_model_bytes, model)"),
    ),
)
