"""Folders with weights of a tiny llama, as they come from a hub: Safetensors, and a LoRA adapter for it.

The weights are noise of a seed, written by hand in the file format's own layout.
"""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

_EMBED, _HEADS, _FEED_FORWARD, _CONTEXT, _RANK = 64, 4, 128, 256, 4


def safetensors(shapes: Mapping[str, Sequence[int]], seed: int) -> bytes:
    """Return a Safetensors file of 32 bit floats."""
    noise = random.Random(seed)  # noqa: S311 - weights, not secrets
    head: dict[str, object] = {}
    body = b""
    for name, shape in shapes.items():
        size = 1
        for dimension in shape:
            size *= dimension
        numbers = [1.0 if "norm" in name else noise.uniform(-0.1, 0.1) for _ in range(size)]
        data = struct.pack(f"<{size}f", *numbers)
        head[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + body


def write_llama(folder: Path, *, seed: int = 1, layers: int = 1, shards: int = 1) -> Path:
    """Write a model's folder: weights, config.json, tokenizer.json. Return it."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = [chr(code) for code in range(33, 127)]
    vocabulary = {text: at for at, text in enumerate(["<s>", "</s>", *letters, "ab", "cd"])}
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": _EMBED,
        "intermediate_size": _FEED_FORWARD,
        "num_hidden_layers": layers,
        "num_attention_heads": _HEADS,
        "num_key_value_heads": _HEADS,
        "max_position_embeddings": _CONTEXT,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "vocab_size": len(vocabulary),
        "bos_token_id": 0,
        "eos_token_id": 1,
    }
    tokenizer = {
        "model": {"type": "BPE", "vocab": vocabulary, "merges": ["a b", "c d"]},
        "added_tokens": [{"id": 0, "content": "<s>", "special": True}, {"id": 1, "content": "</s>", "special": True}],
    }
    shapes: dict[str, Sequence[int]] = {
        "model.embed_tokens.weight": (len(vocabulary), _EMBED),
        "lm_head.weight": (len(vocabulary), _EMBED),
        "model.norm.weight": (_EMBED,),
    }
    for layer in range(layers):
        at = f"model.layers.{layer}."
        shapes |= {f"{at}self_attn.{part}_proj.weight": (_EMBED, _EMBED) for part in "qkvo"}
        shapes |= {f"{at}{part}_layernorm.weight": (_EMBED,) for part in ("input", "post_attention")}
        shapes |= {f"{at}mlp.{part}_proj.weight": (_FEED_FORWARD, _EMBED) for part in ("gate", "up")}
        shapes[f"{at}mlp.down_proj.weight"] = (_EMBED, _FEED_FORWARD)
    names = list(shapes)
    for shard in range(shards):
        name = "model.safetensors" if shards == 1 else f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        part = {key: shapes[key] for key in names[shard::shards]}
        (folder / name).write_bytes(safetensors(part, seed + shard))
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    return folder


def write_adapter(folder: Path, seed: int = 1) -> Path:
    """Write a LoRA adapter's folder for a llama with 64 dimensions. Return it."""
    folder.mkdir(parents=True, exist_ok=True)
    at = "base_model.model.model.layers.0.self_attn.v_proj."
    shapes = {f"{at}lora_A.weight": (_RANK, _EMBED), f"{at}lora_B.weight": (_EMBED, _RANK)}
    (folder / "adapter_model.safetensors").write_bytes(safetensors(shapes, seed))
    (folder / "adapter_config.json").write_text(json.dumps({"r": _RANK, "lora_alpha": 8, "peft_type": "LORA"}))
    return folder


def tiny_projector() -> bytes:
    """Return a GGUF file that says it is a vision projector; no model can see with it."""
    texts = {"general.architecture": "clip", "general.type": "projector"}
    numbers = {"clip.vision.block_count": 1, "clip.has_vision_encoder": 1}
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, len(texts) + len(numbers))
    for key, text in texts.items():
        head += _string(key) + struct.pack("<I", 8) + _string(text)
    for key, number in numbers.items():
        head += _string(key) + struct.pack("<II", 4, number)
    head += _string("v.dummy.weight") + struct.pack("<IQIQ", 1, 8, 0, 0)
    return head + b"\0" * (-len(head) % 32) + struct.pack("<8f", *range(8))


def _string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()
