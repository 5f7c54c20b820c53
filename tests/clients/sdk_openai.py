"""The `openai` client: chat, streaming, tools, JSON mode, a picture, completions, embeddings, models, errors."""

from __future__ import annotations

import sys

import httpx
import openai

url, key = sys.argv[1:]
http = httpx.Client(trust_env=False)
client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, http_client=http)
messages = [{"role": "user", "content": "a"}]
some = {"model": "tiny:1", "max_tokens": 5, "temperature": 0, "seed": 1}

whole = client.chat.completions.create(messages=messages, **some)
assert whole.usage and whole.usage.completion_tokens == 5, whole
stream = client.chat.completions.create(messages=messages, stream=True, **some)
text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
assert text == whole.choices[0].message.content
assert client.chat.completions.create(messages=messages, response_format={"type": "json_object"}, **some).choices
assert client.completions.create(prompt="a", **some).choices[0].finish_reason
assert client.embeddings.create(model="tiny:1", input=["a", "b"]).data[1].embedding
assert sorted(model.id for model in client.models.list()) == ["talker:1", "tiny:1", "tiny:two"]
assert client.models.retrieve("tiny:1").id == "tiny:1"

tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
picture = {"type": "image_url", "image_url": {"url": "nowhere"}}
for told, more in (
    # The tiny model has no tools, and this is no picture: that Ollama says so shows that both reached it.
    ("does not support tools", {"messages": messages, "tools": tools}),
    ("invalid image", {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, picture]}]}),
):
    try:
        client.chat.completions.create(**more, **some)
        print(f"answered, though a word about {told!r} was expected", file=sys.stderr)
        raise SystemExit(1)
    except openai.APIStatusError as error:
        assert told in str(error), error
for wrong, kind in (({"model": "none"}, openai.NotFoundError), ({"model": ""}, openai.BadRequestError)):
    try:
        client.chat.completions.create(messages=messages, **wrong)
        raise SystemExit(f"{wrong} was answered")
    except kind:
        pass
try:
    openai.OpenAI(base_url=f"{url}/v1", api_key="wrong", max_retries=0, http_client=http).models.list()
    raise SystemExit("a wrong key was good")
except openai.AuthenticationError:
    pass
print("ok")
