"""The echo service: what comes in, what waits, whom it asks, whom it turns away."""

from components.monitoring.dashboards.builder import Board, Panel, Query, Row, line, number

_FIRST = "rate(echo_time_to_first_token_seconds_bucket[$__rate_interval])"
_WAIT = "rate(echo_queue_wait_seconds_bucket[$__rate_interval])"

BOARD = Board(
    "echo",
    "Echorator: echo service",
    (
        Row(
            "Now",
            (
                number("Replicas of the service", 'sum(up{job="echo"})'),
                number("Requests", "sum(rate(echo_requests_total[$__rate_interval]))", "reqps"),
                number("Waiting", "sum(echo_queue_waiting)", limit=100),
                number("WebSockets", "sum(echo_websockets)"),
                number("Replicas that it can ask", "count(max by (server, replica) (echo_replica_up) == 1)"),
                number("Settings refused", "sum(echo_config_bad)", limit=1),
            ),
            height=4,
        ),
        Row(
            "Requests",
            (
                line("By model", "sum by (model) (rate(echo_requests_total[$__rate_interval]))", "{{model}}", "reqps"),
                line(
                    "That did not end well",
                    "sum by (reason) (rate(echo_request_errors_total[$__rate_interval]))",
                    "{{reason}}",
                    "reqps",
                ),
                Panel(
                    "Time to the first token",
                    (
                        Query(f"histogram_quantile(0.95, sum by (model, le) ({_FIRST}))", "95 of 100 {{model}}"),
                        Query(f"histogram_quantile(0.5, sum by (model, le) ({_FIRST}))", "half {{model}}"),
                    ),
                    "s",
                ),
                line(
                    "Wait for a slot, 95 of 100",
                    f"histogram_quantile(0.95, sum by (model, le) ({_WAIT}))",
                    "{{model}}",
                    "s",
                ),
                line(
                    "Tokens written a second",
                    "sum by (model) (rate(echo_generated_tokens_total[$__rate_interval]))",
                    "{{model}}",
                ),
                line("Bytes of requests that are held", "echo_held_bytes", "{{pod}}", "bytes"),
            ),
        ),
        Row(
            "Replicas and keys",
            (
                line("Requests at each replica", "sum by (replica) (echo_replica_requests)", "{{replica}}"),
                line("Replicas that answer", "min by (replica) (echo_replica_up)", "{{replica}}", "bool"),
                line(
                    "Keys that were not good",
                    "sum by (reason) (rate(echo_auth_failures_total[$__rate_interval]))",
                    "{{reason}}",
                    "reqps",
                ),
            ),
        ),
    ),
)
