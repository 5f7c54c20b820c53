"""Ollama's own Python client: chat, streaming, tools, JSON mode, embeddings, lists, errors, a client that leaves."""

from __future__ import annotations

import sys

import ollama

url, key = sys.argv[1:]
client = ollama.Client(host=url, headers={"Authorization": f"Bearer {key}"}, trust_env=False)
options = {"num_predict": 5, "temperature": 0, "seed": 1}
messages = [{"role": "user", "content": "a"}]

whole = client.chat(model="tiny:1", messages=messages, options=options)
assert whole.done and whole.eval_count == 5, whole
pieces = list(client.chat(model="tiny:1", messages=messages, options=options, stream=True))
assert len(pieces) > 2, pieces
assert pieces[-1].eval_count == 5, pieces[-1]
assert "".join(piece.message.content or "" for piece in pieces) == whole.message.content
assert client.generate(model="tiny:1", prompt="a", format="json", options=options).done
assert len(client.embed(model="tiny:1", input=["a", "b"]).embeddings) == 2
assert sorted(str(model.model) for model in client.list().models) == ["talker:1", "tiny:1", "tiny:two"]
assert client.show("tiny:1").modelinfo
assert any(model.model == "tiny:1" for model in client.ps().models)
try:
    client.chat(model="none", messages=messages)
    raise SystemExit("a model that is not there answered")
except ollama.ResponseError as error:
    assert error.status_code == 404 and "not found" in error.error, error
try:
    client.pull("tiny:1")
    raise SystemExit("a client changed the models")
except ollama.ResponseError as error:
    assert error.status_code == 403, error
stream = client.generate(model="talker:1", prompt="a", stream=True)
next(iter(stream))
stream.close()
try:
    ollama.Client(host=url, trust_env=False).list()
    raise SystemExit("no key was asked for")
except ollama.ResponseError as error:
    assert error.status_code == 401, error
print("ok")
