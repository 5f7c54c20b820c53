"""One trace in Jaeger from a request through recall, the model and its tokens to what was learned; its log lines.

All parts are real and built from source: the echo service with a memory on PostgreSQL, Ollama, the OpenTelemetry
collector, its reader on the node, Jaeger. Where logs are kept is a receiver of ours. Not shown: several nodes, and
Jaeger's pages, which are not in its Go module.
"""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber

from components.monitoring import names
from tests.support.kube import wait_for
from tests.support.prometheus import InCluster
from tests.traces.conftest import Traced
from tests.traces.sink import values

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1500)]

WAIT_S = 240
WORD = "samovar"
"""What is talked about: it may be in no span and no line."""
REQUEST = "POST /api/chat"
PARENTS = {
    "history": REQUEST,
    "recall": REQUEST,
    "retrieval": "recall",
    "embedding": "retrieval",
    "mind": "recall",
    "model load": REQUEST,
    "prompt": REQUEST,
    "tokens": REQUEST,
    "keep": REQUEST,
    "learn": REQUEST,
    "encoding": "learn",
    "consolidation": "learn",
    "coherence": "learn",
}


def spans_of(traced: Traced, trace: str) -> dict[str, dict[str, Any]]:
    """Return the spans that Jaeger has of a trace, by name; of several the first."""
    found = traced.jaeger().get(f"/api/traces/{trace}")
    if found is None or not found["data"]:
        return {}
    (only,) = found["data"]
    in_order = sorted(only["spans"], key=lambda one: one["startTime"], reverse=True)
    return {one["operationName"]: one for one in in_order}


@pytest.fixture(scope="module")
def trace(traced: Traced) -> str:
    """Return the id of a trace that a client began, of a question whose answer was told before."""
    traced.ask(f"The {WORD} stands in the pantry.")
    wait_for("the first turn is learned from", lambda: "learn" in services_spans(traced), WAIT_S)

    def used() -> str | None:
        chosen = secrets.token_hex(16)
        answer = traced.ask(f"Where does the {WORD} stand?", traceparent=f"00-{chosen}-{secrets.token_hex(8)}-01")
        # On a machine that is busy the time for recall may be over before it is done.
        return chosen if answer["echo"]["memory"] == "used" else None

    return wait_for("a question finds what was told", used, WAIT_S)


def services_spans(traced: Traced) -> set[str]:
    """Return the names of spans that Jaeger has seen from the echo service."""
    found = traced.jaeger().get("/api/services/echo/operations")
    return set() if found is None else set(found["data"] or ())


def test_one_trace_goes_from_the_request_to_what_was_learned(traced: Traced, trace: str) -> None:
    def whole() -> dict[str, dict[str, Any]] | None:
        found = spans_of(traced, trace)
        return found if {REQUEST, *PARENTS} <= found.keys() else None

    try:
        spans = wait_for("the trace is whole", whole, WAIT_S)
    except AssertionError as error:
        raise AssertionError(f"{error}: {sorted(spans_of(traced, trace))}") from error
    named = {one["spanID"]: name for name, one in spans.items()}
    above: dict[str, str] = {name: spans[name]["references"][0]["spanID"] for name in PARENTS}
    assert {name: named.get(one) for name, one in above.items()} == PARENTS
    told = {one["key"]: one["value"] for one in spans[REQUEST]["tags"]}
    assert told["http.response.status_code"] == 200
    assert told["gen_ai.usage.output_tokens"] == 8
    recalled = {one["key"]: one["value"] for one in spans["recall"]["tags"]}
    assert recalled["echo.outcome"] == "used"
    order = [spans[name]["startTime"] for name in ("recall", "model load", "prompt", "tokens", "learn")]
    assert order == sorted(order)


def test_the_same_goes_to_where_traces_are_kept(traced: Traced, trace: str) -> None:
    def there() -> bool:
        return {REQUEST, *PARENTS} <= {one.name for one in traced.sink.spans() if one.trace_id.hex() == trace}

    wait_for("the trace is there too", there, WAIT_S)


def test_lines_have_the_id_of_their_trace_and_where_they_come_from(traced: Traced, trace: str) -> None:
    def of_the_trace() -> list[Any] | None:
        found = [(where, record) for where, record in traced.sink.logs() if record.trace_id.hex() == trace]
        return found or None

    lines = wait_for("the request's line is there", of_the_trace, WAIT_S)
    where, line = next((where, one) for where, one in lines if values(one.attributes).get("event") == "request")
    assert where["k8s.namespace.name"] == traced.stack.namespace
    assert str(where["k8s.pod.name"]).startswith("echo-")
    assert line.severity_number == SeverityNumber.SEVERITY_NUMBER_INFO
    assert line.span_id.hex() == spans_of(traced, trace)[REQUEST]["spanID"]

    def pods() -> bool:
        names_of = {str(where.get("k8s.pod.name", "")) for where, _ in traced.sink.logs()}
        return all(any(one.startswith(part) for one in names_of) for part in ("echo-", "chat-0", "model-store-"))

    wait_for("lines of every part are there", pods, WAIT_S)


def test_events_of_the_cluster_are_kept(traced: Traced) -> None:
    def events() -> bool:
        records = [record.body for _, record in traced.sink.logs()]
        told = [values(one.kvlist_value.values) for one in records if one.HasField("kvlist_value")]
        found: list[dict[str, Any]] = [one["object"] for one in told if "object" in one]
        return traced.stack.namespace in {one["metadata"]["namespace"] for one in found}

    # Something happens now: what happened before it was watched is not told.
    path = f"/apis/apps/v1/namespaces/{traced.stack.namespace}/deployments/echo"
    note = {"spec": {"template": {"metadata": {"annotations": {"echorator.dev/drill": "once"}}}}}
    traced.kube.patch(path, note)
    wait_for("Events are there", events, WAIT_S)


def test_nothing_that_was_said_is_in_a_span_or_a_line(traced: Traced, trace: str) -> None:
    answer = traced.kube.request(
        "GET",
        f"/api/v1/namespaces/{traced.monitoring}/pods/{traced.pod(names.JAEGER)}:{names.JAEGER_PORT}"
        f"/proxy/api/traces/{trace}",
    )
    texts = [answer.raise_for_status().content, *traced.sink.bodies("/v1/traces"), *traced.sink.bodies("/v1/logs")]
    assert trace.encode() in texts[0]
    said = WORD.encode()
    around = [text[max(0, at - 300) : at + 300] for text in texts if (at := text.lower().find(said)) >= 0]
    assert around == []


def test_the_collectors_are_watched_and_lose_nothing(traced: Traced) -> None:
    pod = f"prometheus-{traced.stack.name}-0"
    prometheus = InCluster(traced.kube, traced.monitoring, pod, names.PROMETHEUS_PORT)

    def scraped() -> bool:
        found = prometheus.targets()
        return {one.partition("/")[0]: health for one, health in found.items()}.items() >= {
            (names.COLLECTOR, "up"), (names.LOG_READER, "up")
        }  # fmt: skip

    wait_for("both collectors are scraped", scraped, WAIT_S)
    failed = prometheus.query('sum({__name__=~"otelcol_exporter_(send|enqueue)_failed_.+"})')
    assert [one for one in failed if float(one["value"][1]) > 0] == []


def test_a_second_deploy_changes_nothing(traced: Traced) -> None:
    # The drill's own note on the Deployment is no setting of the stack.
    assert set(traced.stack.up().changes) == {"same"}
