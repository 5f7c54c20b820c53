"""A llama of under one megabyte with random weights: real enough for Ollama to create, pull and run it.

Its answers are noise. It is for tests of moving, naming and serving models, where the content is nothing.
"""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

import httpx

_UINT32, _INT32, _FLOAT32, _STRING, _ARRAY = 4, 5, 6, 8, 9
_ALIGNMENT = 32
_EMBED, _HEADS, _LAYERS, _FEED_FORWARD, _CONTEXT = 64, 4, 2, 128, 256

Value = int | float | str | list[str] | list[float] | list[int]


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _value(value: Value) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", _STRING) + _string(value)
    if isinstance(value, int):
        return struct.pack("<II", _UINT32, value)
    if isinstance(value, float):
        return struct.pack("<If", _FLOAT32, value)
    head = struct.pack("<I", _ARRAY)
    if isinstance(value[0], str):
        return head + struct.pack("<IQ", _STRING, len(value)) + b"".join(_string(str(v)) for v in value)
    if isinstance(value[0], int):
        return head + struct.pack("<IQ", _INT32, len(value)) + struct.pack(f"<{len(value)}i", *value)
    return head + struct.pack("<IQ", _FLOAT32, len(value)) + struct.pack(f"<{len(value)}f", *value)


def _vocabulary() -> tuple[list[str], list[float], list[int]]:
    words = [" " + a + b for a in "abcdefghij" for b in "aeiou"]
    tokens = ["<unk>", "<s>", "</s>"]
    tokens += [f"<0x{byte:02X}>" for byte in range(256)]
    tokens += [word.replace(" ", "▁") for word in words] + ["▁"]
    kinds = [2, 3, 3, *[6] * 256, *[1] * (len(words) + 1)]
    scores = [0.0 if kind != 1 else -float(at) for at, kind in enumerate(kinds)]
    return tokens, scores, kinds


def tiny_gguf(seed: int = 1) -> bytes:
    """Return a GGUF v3 file; another seed gives other weights, so another digest."""
    tokens, scores, kinds = _vocabulary()
    metadata: dict[str, Value] = {
        "general.architecture": "llama",
        "general.name": f"tiny-{seed}",
        "llama.context_length": _CONTEXT,
        "llama.embedding_length": _EMBED,
        "llama.block_count": _LAYERS,
        "llama.feed_forward_length": _FEED_FORWARD,
        "llama.attention.head_count": _HEADS,
        "llama.attention.head_count_kv": _HEADS,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": _EMBED // _HEADS,
        "llama.vocab_size": len(tokens),
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": scores,
        "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
    }
    shapes: dict[str, Sequence[int]] = {
        "token_embd.weight": (_EMBED, len(tokens)),
        "output.weight": (_EMBED, len(tokens)),
        "output_norm.weight": (_EMBED,),
    }
    for layer in range(_LAYERS):
        at = f"blk.{layer}."
        shapes |= {f"{at}attn_{part}.weight": (_EMBED, _EMBED) for part in ("q", "k", "v", "output")}
        shapes |= {f"{at}{part}_norm.weight": (_EMBED,) for part in ("attn", "ffn")}
        shapes |= {f"{at}ffn_{part}.weight": (_EMBED, _FEED_FORWARD) for part in ("gate", "up")}
        shapes[f"{at}ffn_down.weight"] = (_FEED_FORWARD, _EMBED)
    return _encode(metadata, shapes, random.Random(seed))  # noqa: S311 - weights, not secrets


def _encode(metadata: dict[str, Value], shapes: dict[str, Sequence[int]], noise: random.Random) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, len(shapes), len(metadata))
    head += b"".join(_string(key) + _value(value) for key, value in metadata.items())
    body = b""
    for name, shape in shapes.items():
        size = 1
        for dimension in shape:
            size *= dimension
        head += _string(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
        head += struct.pack("<IQ", 0, len(body))
        norm = name.endswith("norm.weight")
        numbers = [1.0 if norm else noise.uniform(-0.1, 0.1) for _ in range(size)]
        data = struct.pack(f"<{size}f", *numbers)
        body += data + b"\0" * (-len(data) % _ALIGNMENT)
    return head + b"\0" * (-len(head) % _ALIGNMENT) + body


@dataclass(frozen=True)
class PushedModel:
    """A model in a registry.

    Attributes:
        repository: `library/tiny:1`; put a registry's host and a slash before it to pull it.
        digest: SHA-256 of the manifest that the registry serves.
        weights: digest of its weights blob.
        size: bytes of the weights blob.
    """

    repository: str
    digest: str
    weights: str
    size: int


def create_tiny(server_url: str, name: str, seed: int = 1) -> str:
    """Create a tiny model on a running Ollama; return its weights' digest."""
    data = tiny_gguf(seed)
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    with httpx.Client(base_url=server_url, timeout=60, trust_env=False) as http:
        http.post(f"/api/blobs/{digest}", content=data).raise_for_status()
        request = {"model": name, "files": {"tiny.gguf": digest}, "stream": False}
        answer = http.post("/api/create", json=request)
        if answer.status_code != HTTPStatus.OK:
            msg = f"Ollama refused the tiny model: {answer.text}"
            raise RuntimeError(msg)
    return digest


def push_tiny(server_url: str, registry: str, repository: str, seed: int = 1) -> PushedModel:
    """Create a tiny model on a running Ollama and push it to the registry at host:port."""
    name = f"{registry}/{repository}"
    weights = create_tiny(server_url, name, seed)
    with httpx.Client(base_url=server_url, timeout=60, trust_env=False) as http:
        answer = http.post("/api/push", json={"model": name, "insecure": True, "stream": False})
        if answer.json().get("status") != "success":
            msg = f"Ollama could not push the tiny model: {answer.text}"
            raise RuntimeError(msg)
        http.request("DELETE", "/api/delete", json={"model": name}).raise_for_status()
    path, tag = repository.rsplit(":", 1)
    accept = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
    url = f"http://{registry}/v2/{path}/manifests/{tag}"
    manifest = httpx.get(url, headers=accept, trust_env=False).raise_for_status()
    digest = "sha256:" + hashlib.sha256(manifest.content).hexdigest()
    return PushedModel(repository, digest, weights, len(tiny_gguf(seed)))
