"""The answer that a fresh model must give before it is published."""

from __future__ import annotations

from typing import cast

from toolchain.models.definitions import ModelDefinition
from toolchain.models.errors import ModelError
from toolchain.models.process import Ollama

DIMENSIONS = 384
"""Length of an all-MiniLM-L6-v2 vector, from its model card."""


def prove(server: Ollama, model: ModelDefinition) -> str:
    """Ask the model one thing and say what it answered.

    Raises:
        ModelError: There is no answer, or a vector of the wrong length.
    """
    if model.kind == "embedding":
        lengths = {len(vector) for vector in embed(server, model.name, ["A cat sits on the mat."])}
        if lengths != {DIMENSIONS}:
            raise ModelError(f"{model.name}: its vectors have the lengths {lengths}, not {DIMENSIONS}")
        return f"embeds in {DIMENSIONS} dimensions"
    answer = chat(server, model.name, "What is the capital of France?")
    if not answer.strip():
        raise ModelError(f"{model.name}: it gives an empty answer; its template or its weights are wrong")
    return f"answers: {' '.join(answer.split())[:80]}"


def chat(server: Ollama, name: str, question: str) -> str:
    """One answer, the same each time: temperature 0 and a fixed seed."""
    body = {
        "model": name,
        "messages": [{"role": "user", "content": question}],
        "stream": False,
        # One thread: beside a build that has all cores, two threads that wait for each other took ten times as long.
        "options": {"temperature": 0, "seed": 1, "num_predict": 32, "num_thread": 1},
    }
    message = cast("dict[str, str]", server.post("/api/chat", body)["message"])
    return message["content"]


def embed(server: Ollama, name: str, texts: list[str]) -> list[list[float]]:
    """A vector for each text."""
    return cast("list[list[float]]", server.post("/api/embed", {"model": name, "input": texts})["embeddings"])
