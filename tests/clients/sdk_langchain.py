"""LangChain's ChatOllama and OllamaEmbeddings: invoke, stream, asynchronously too."""

from __future__ import annotations

import asyncio
import sys

from langchain_ollama import ChatOllama, OllamaEmbeddings

url, key = sys.argv[1:]
kwargs = {"headers": {"Authorization": f"Bearer {key}"}, "trust_env": False}
model = ChatOllama(
    model="tiny:1",
    base_url=url,
    client_kwargs=kwargs,
    num_predict=5,
    temperature=0,
    seed=1,
    validate_model_on_init=True,
)
whole = model.invoke("a")
assert whole.usage_metadata and whole.usage_metadata["output_tokens"] == 5, whole
assert "".join(str(piece.content) for piece in model.stream("a")) == whole.content
assert asyncio.run(model.ainvoke("a")).content == whole.content
assert len(OllamaEmbeddings(model="tiny:1", base_url=url, client_kwargs=kwargs).embed_query("a")) == 64
print("ok")
