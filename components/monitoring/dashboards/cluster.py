"""What the cluster's objects say of the stack, how models answer from outside, and what it all takes up."""

from components.monitoring.dashboards.builder import Board, Panel, Query, Row, line, number

_QUOTA = 'kube_resourcequota{resource=~"requests.*|limits.*|pods"'

BOARD = Board(
    "cluster",
    "Echorator: cluster and cost",
    (
        Row(
            "Now",
            (
                number("Pods that run", 'sum(kube_pod_status_phase{phase="Running"})'),
                number("Pods without a node", "sum(kube_pod_status_unschedulable) or vector(0)", limit=1),
                number("Containers that wait", "sum(kube_pod_container_status_waiting_reason) or vector(0)", limit=1),
                number(
                    "Models that answer",
                    'sum(probe_success{job="ask"}) / count(probe_success{job="ask"})',
                    "percentunit",
                ),
                number(
                    "Room that is claimed", "sum(kube_persistentvolumeclaim_resource_requests_storage_bytes)", "bytes"
                ),
                number(
                    "Claims without a volume",
                    'count(kube_persistentvolumeclaim_status_phase{phase!="Bound"} == 1) or vector(0)',
                ),
            ),
            height=4,
        ),
        Row(
            "Questions",
            (
                line("Answered", 'min by (server, model) (probe_success{job="ask"})', "{{server}} {{model}}", "bool"),
                line(
                    "Time of an answer",
                    'max by (server, model) (probe_duration_seconds{job="ask"})',
                    "{{server}} {{model}}",
                    "s",
                ),
                line(
                    "Restarts in an hour",
                    "sum by (namespace, pod) (increase(kube_pod_container_status_restarts_total[1h]))",
                    "{{pod}}",
                ),
            ),
        ),
        Row(
            "What it takes up",
            (
                Panel(
                    "Share of the quota",
                    (
                        Query(
                            f'{_QUOTA}, type="used"}} / ignoring(type) ({_QUOTA}, type="hard"}} > 0)',
                            "{{namespace}} {{resource}}",
                        ),
                    ),
                    "percentunit",
                    text="Requests of CPU and memory are what a node is paid for, used or not.",
                    limit=0.9,
                ),
                line(
                    "Tokens for each CPU second that is asked for",
                    "sum(rate(replica_generated_tokens_total[5m]))"
                    ' / sum(kube_resourcequota{resource="requests.cpu", type="used"})',
                    "tokens",
                ),
                Panel(
                    "Room that is claimed",
                    (
                        Query(
                            "kube_persistentvolumeclaim_resource_requests_storage_bytes",
                            "{{namespace}} {{persistentvolumeclaim}}",
                        ),
                    ),
                    "bytes",
                    kind="table",
                ),
            ),
        ),
    ),
)
