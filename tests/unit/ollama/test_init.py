"""The public surface of the package, so that a name does not appear or vanish unseen."""

from __future__ import annotations

import ollama


def test_every_public_name_is_there_and_sorted() -> None:
    assert all(hasattr(ollama, name) for name in ollama.__all__)
    assert len(ollama.__all__) == len(set(ollama.__all__))
    assert {"ensure", "ensure_all", "observe", "remove", "OllamaClient", "WantedModel"} <= set(ollama.__all__)
