"""Is everything well, and if not, where."""

from components.monitoring.dashboards.builder import Board, Panel, Query, Row, line, number

BOARD = Board(
    "overview",
    "Echorator: overview",
    (
        Row(
            "Now",
            (
                number(
                    "Alerts that fire", 'count(ALERTS{alertstate="firing", severity!="none"}) or vector(0)', limit=1
                ),
                number("Replicas ready", "sum(server:replicas_ready:sum)"),
                number("Replicas wanted", "sum(echorator:replicas_wanted)"),
                number("Models ready", "sum(replica_models_ready) / sum(replica_models_wanted)", "percentunit"),
                number("Requests", "sum(server_model:replica_requests:rate5m)", "reqps"),
                number("Waiting", "sum(server:replica_requests_waiting:sum)", limit=10),
            ),
            height=4,
        ),
        Row(
            "Objectives",
            (
                Panel(
                    "Share of bad requests, last hour",
                    (
                        Query("server:objective_availability_bad:ratio_rate1h", "failed {{server}}"),
                        Query("server:objective_firsttoken_bad:ratio_rate1h", "late {{server}}"),
                        Query("server:objective_tokenrate_bad:ratio_rate1h", "slow {{server}}"),
                    ),
                    "percentunit",
                    width=12,
                ),
                Panel(
                    "Alerts",
                    (Query('ALERTS{severity!="none"}'),),
                    kind="table",
                    width=12,
                ),
            ),
        ),
        Row(
            "Load",
            (
                line("Requests", "sum by (server) (server_model:replica_requests:rate5m)", "{{server}}", "reqps"),
                line(
                    "Time to the first token, 95 of 100",
                    "max by (server) (server_model:replica_time_to_first_token_seconds:p95_5m)",
                    "{{server}}",
                    "s",
                    limit=5,
                ),
                line("Waiting requests", "server:replica_requests_waiting:sum", "{{server}}", limit=10),
                line(
                    "Tokens written a second",
                    "sum by (server) (server_model:replica_generated_tokens:rate5m)",
                    "{{server}}",
                ),
                line(
                    "Failed requests",
                    "sum by (server, reason) (server_model_reason:replica_request_errors:rate5m)",
                    "{{server}} {{reason}}",
                    "reqps",
                ),
                line("Replicas ready", "server:replicas_ready:sum", "{{server}}"),
            ),
        ),
    ),
)
