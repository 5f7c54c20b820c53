"""Exchanges into metrics: labels that are bounded, and one word for each way to end badly.

Not shown: that real requests give such exchanges; tests/replica_agent/test_gate.py shows that.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replica_agent.metrics import Metrics
from replica_agent.observe import Exchange, Observer
from replica_agent.status import Status


def make() -> tuple[Observer, Metrics]:
    metrics = Metrics(Status("chat", "chat-0"))
    observer = Observer(metrics, lambda: ["smollm2:135m", "mine/Assistant"])
    observer.refresh()
    return observer, metrics


def value(metrics: Metrics, name: str, **labels: str) -> float:
    found = metrics.registry.get_sample_value(f"replica_{name}", labels)
    return found if found is not None else 0.0


def ended(observer: Observer, status: int = 200, body: bytes = b"", *, complete: bool = True, reason: str = "") -> None:
    exchange = observer.begin(b"/api/chat")
    exchange.asked.take(b'{"model":"smollm2:135m"}')
    if status:
        exchange.answer_begins(status, "application/x-ndjson")
    if body:
        exchange.take(body)
    if reason:
        exchange.fail(reason)
    exchange.complete = complete
    observer.end(exchange)


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ("smollm2:135m", "smollm2:135m"),
        ("SmolLM2:135M", "smollm2:135m"),
        ("library/smollm2:135m", "smollm2:135m"),
        ("registry.ollama.ai/library/smollm2:135m", "smollm2:135m"),
        ("mine/assistant:latest", "mine/Assistant"),
        ("smollm2", "other"),
        ("a b", "other"),
        (None, "other"),
    ],
)
def test_labels(said: str | None, label: str) -> None:
    assert make()[0].label(said) == label


@given(st.text())
def test_whatever_clients_say_labels_are_bounded(said: str) -> None:
    assert make()[0].label(said) in {"smollm2:135m", "mine/Assistant", "other"}


@pytest.mark.parametrize(
    ("status", "complete", "reason", "word"),
    [
        (200, True, "", ""),
        (200, False, "", "cut"),
        (200, False, "cancelled", "cancelled"),
        (0, False, "cancelled", "cancelled"),
        (404, True, "", "client"),
        (500, True, "", "server"),
        (503, True, "", "queue_full"),
        (503, True, "draining", "draining"),
        (403, True, "models_managed", "models_managed"),
    ],
)
def test_ways_to_end(status: int, complete: bool, reason: str, word: str) -> None:
    observer, metrics = make()
    ended(observer, status, b"x", complete=complete, reason=reason)
    labels = {"route": "/api/chat", "model": "smollm2:135m"}
    assert value(metrics, "requests_total", **labels, status=str(status or 499)) == 1
    found = [
        (sample.labels["reason"], sample.value)
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if sample.name == "replica_request_errors_total"
    ]
    assert found == ([(word, 1.0)] if word else [])


def test_an_error_inside_a_stream() -> None:
    observer, metrics = make()
    ended(observer, body=b'{"error":"the model died"}\n')
    assert value(metrics, "request_errors_total", route="/api/chat", model="smollm2:135m", reason="in_stream") == 1


def test_figures_of_an_answer() -> None:
    observer, metrics = make()
    last = {"model": "mine/assistant", "done": True, "prompt_eval_count": 0, "eval_count": 50, "eval_duration": 10**9}
    ended(observer, body=json.dumps(last | {"load_duration": 2 * 10**9}).encode())
    assert value(metrics, "generated_tokens_total", model="mine/Assistant") == 50
    assert value(metrics, "generated_tokens_per_second_sum", model="mine/Assistant") == 50
    assert value(metrics, "model_load_seconds_total", model="mine/Assistant") == 2
    assert value(metrics, "request_seconds_count", model="mine/Assistant") == 1
    assert value(metrics, "time_to_first_token_seconds_count", model="mine/Assistant") == 1


def test_the_rate_of_an_answer_that_does_not_say_it() -> None:
    observer, metrics = make()
    exchange = Exchange("/v1/chat/completions")
    exchange.answer_begins(200, "text/event-stream")
    exchange.take(b'data: {"model":"smollm2:135m"}\n\n')
    exchange.take(b'data: {"usage":{"prompt_tokens":3,"completion_tokens":11}}\n\n')
    exchange.first, exchange.last, exchange.complete = 5.0, 7.0, True
    observer.end(exchange)
    assert value(metrics, "generated_tokens_per_second_sum", model="smollm2:135m") == 5
    assert value(metrics, "prompt_tokens_total", model="smollm2:135m") == 3


def test_unknown_paths_share_a_label() -> None:
    assert make()[0].begin(b"/a/b").route == "other"


def test_a_request_waits_until_its_answer_begins_or_it_ends_without_one() -> None:
    observer, metrics = make()
    answered, left = observer.begin(b"/api/chat"), observer.begin(b"/api/chat")
    assert value(metrics, "requests_waiting") == 2
    answered.answer_begins(200, "application/x-ndjson")
    # A refusal after the answer began, such as of a body that turns out too large, is no second beginning.
    answered.answer_begins(413, "")
    assert value(metrics, "requests_waiting") == 1
    observer.end(answered)
    observer.end(left)
    assert value(metrics, "requests_waiting") == 0


def test_the_rate_of_prompts_and_the_names_of_opentelemetry() -> None:
    observer, metrics = make()
    figures = b'{"prompt_eval_count":100,"prompt_eval_duration":500000000,"eval_count":10,"eval_duration":2000000000}'
    ended(observer, body=b'{"model":"smollm2:135m"}' + figures)
    assert value(metrics, "prompt_tokens_per_second_sum", model="smollm2:135m") == pytest.approx(200)
    labels = {
        "gen_ai_operation_name": "chat",
        "gen_ai_provider_name": "ollama",
        "gen_ai_request_model": "smollm2:135m",
    }
    found = metrics.registry.get_sample_value("gen_ai_server_time_per_output_token_seconds_sum", labels)
    assert found == pytest.approx(0.2)
    assert metrics.registry.get_sample_value("gen_ai_server_request_duration_seconds_count", labels) == 1


def test_what_asks_no_model_is_no_operation() -> None:
    observer, metrics = make()
    exchange = observer.begin(b"/api/tags")
    exchange.answer_begins(200, "application/json")
    exchange.take(b"{}")
    exchange.complete = True
    observer.end(exchange)
    assert "gen_ai_server_request_duration_seconds_count" not in metrics.render().decode()
