"""Facts of well-known models, by the names of Ollama's library, and what a quantization makes of their weights.

Parameters and shapes are those of each model's own `config.json`; bits of a weight are those that llama.cpp gives
for Llama 3.1 8B (`tools/quantize/README.md`). The computed size is a little above the file's; what a registry or
the settings say of the size goes before it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

from fit.facts import Facts

# Bits of one weight, largest first.
BITS = MappingProxyType(
    {
        "F32": 32.0,
        "F16": 16.0005,
        "Q8_0": 8.5008,
        "Q6_K": 6.5633,
        "Q5_K_M": 5.7036,
        "Q5_K_S": 5.5704,
        "Q5_1": 6.0,
        "Q5_0": 5.5,
        "Q4_K_M": 4.8944,
        "Q4_K_S": 4.6672,
        "Q4_1": 5.0,
        "Q4_0": 4.6672,
        "Q3_K_L": 4.2979,
        "Q3_K_M": 4.0,
        "Q3_K_S": 3.6429,
        "Q2_K": 3.1593,
    }
)
_TRIED = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K")
"""What is proposed, best first."""
_HALF_PRECISION = 16.0
_OUTPUT_BITS = 6.5633
"""Of the matrix over the vocabulary, which quantization spares."""
_ODD_BITS = 8.5
"""The same where rows are no whole number of blocks of 256, and one of 32 is used."""
_BLOCK = 256
_HEADER = 16 * 1024**2
"""More than what a file holds beside its tensors: names, tokens, merges."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What the size of weights is computed from."""

    parameters: int
    embedding: int
    vocabulary: int

    def size(self, quantization: str) -> int:
        """Bytes of a file in this quantization."""
        bits = BITS[quantization]
        output, odd = bits, bits
        if bits < _HALF_PRECISION:
            whole = self.embedding % _BLOCK == 0
            output = max(bits, _OUTPUT_BITS if whole else _ODD_BITS)
            # Q4_K and Q5_K become Q5_0 and Q5_1 there.
            odd = bits if whole or not quantization.endswith(("_K", "_M", "_S", "_L")) else max(bits, 6.0)
        matrix = self.embedding * self.vocabulary
        return int(((self.parameters - matrix) * odd + matrix * output) / 8) + _HEADER


@dataclass(frozen=True, kw_only=True)
class Known:
    """A model of the library."""

    name: str
    """As the library has it, without quantization: `llama3.1:8b`."""
    parameters: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    embedding: int
    vocabulary: int
    context: int
    quantization: str = "Q4_K_M"
    """Of the tag that names none."""
    architecture: str = "llama"
    window: int | None = None
    full_every: int = 1

    @property
    def weights(self) -> Weights:
        """What its size is computed from."""
        return Weights(parameters=self.parameters, embedding=self.embedding, vocabulary=self.vocabulary)

    def facts(self, quantization: str | None = None, size: int | None = None) -> Facts:
        """The model's facts, with `size` bytes of weights where those are known."""
        computed = self.weights.size(self.quantization if quantization is None else quantization)
        return Facts(
            weights=computed if size is None else size,
            layers=self.layers,
            heads=self.heads,
            kv_heads=self.kv_heads,
            head_size=self.head_size,
            embedding=self.embedding,
            vocabulary=self.vocabulary,
            context=self.context,
            architecture=self.architecture,
            window=self.window,
            full_every=self.full_every,
        )


_COLUMNS = (
    *("name", "parameters", "layers", "heads", "kv_heads", "head_size", "embedding", "vocabulary", "context"),
    *("quantization", "architecture"),
)
_ROWS = """
all-minilm:22m        22713216    6 12 12  32  384  30522    512 F16    bert
deepseek-r1:1.5b    1777088000   28 12  2 128 1536 151936 131072 Q4_K_M qwen2
deepseek-r1:7b      7615616512   28 28  4 128 3584 152064 131072 Q4_K_M qwen2
deepseek-r1:14b    14770033664   48 40  8 128 5120 152064 131072 Q4_K_M qwen2
deepseek-r1:32b    32763876352   64 40  8 128 5120 152064 131072 Q4_K_M qwen2
deepseek-r1:70b    70553706496   80 64  8 128 8192 128256 131072 Q4_K_M llama
gemma2:2b           2614341888   26  8  4 256 2304 256000   8192 Q4_0   gemma2
gemma2:9b           9241705984   42 16  8 256 3584 256000   8192 Q4_0   gemma2
gemma2:27b         27227128320   46 32 16 128 4608 256000   8192 Q4_0   gemma2
llama3.1:8b         8030261248   32 32  8 128 4096 128256 131072 Q4_K_M llama
llama3.1:70b       70553706496   80 64  8 128 8192 128256 131072 Q4_K_M llama
llama3.2:1b         1235814400   16 32  8  64 2048 128256 131072 Q8_0   llama
llama3.2:3b         3212749824   28 24  8 128 3072 128256 131072 Q4_K_M llama
llama3.3:70b       70553706496   80 64  8 128 8192 128256 131072 Q4_K_M llama
mistral:7b          7248023552   32 32  8 128 4096  32768  32768 Q4_K_M llama
mixtral:8x7b       46702792704   32 32  8 128 4096  32000  32768 Q4_0   llama
nomic-embed-text:v1.5 136727040  12 12 12  64  768  30528   2048 F16    nomic-bert
phi3:3.8b           3821079552   32 32 32  96 3072  32064 131072 Q4_0   phi3
qwen2.5:0.5b         494032768   24 14  2  64  896 151936  32768 Q4_K_M qwen2
qwen2.5:1.5b        1543714304   28 12  2 128 1536 151936  32768 Q4_K_M qwen2
qwen2.5:3b          3085938688   36 16  2 128 2048 151936  32768 Q4_K_M qwen2
qwen2.5:7b          7615616512   28 28  4 128 3584 152064  32768 Q4_K_M qwen2
qwen2.5:14b        14770033664   48 40  8 128 5120 152064  32768 Q4_K_M qwen2
qwen2.5:32b        32763876352   64 40  8 128 5120 152064  32768 Q4_K_M qwen2
qwen2.5:72b        72706203648   80 64  8 128 8192 152064  32768 Q4_K_M qwen2
smollm2:135m         134515008   30  9  3  64  576  49152   8192 F16    llama
smollm2:360m         361821120   32 15  5  64  960  49152   8192 F16    llama
smollm2:1.7b        1711376384   24 32 32  64 2048  49152   8192 Q8_0   llama
"""


def _row(line: str) -> Known:
    cells = dict(zip(_COLUMNS, line.split(), strict=True))
    texts = ("name", "quantization", "architecture")
    numbers = {name: int(cell) for name, cell in cells.items() if name not in texts}
    return Known(**{name: cells[name] for name in texts}, **numbers)  # pyright: ignore[reportArgumentType]


KNOWN = MappingProxyType({known.name: known for known in map(_row, _ROWS.strip().splitlines())})
"""By name."""

_LATEST = MappingProxyType(
    {
        "all-minilm": "22m",
        "gemma2": "9b",
        "llama3.1": "8b",
        "llama3.2": "3b",
        "llama3.3": "70b",
        "mistral": "7b",
        "mixtral": "8x7b",
        "nomic-embed-text": "v1.5",
        "phi3": "3.8b",
        "qwen2.5": "7b",
        "smollm2": "1.7b",
    }
)
"""What `latest` is, where that has not changed since the model came out."""
_QUANTIZATION = re.compile(r"(?:^|-)((?:q\d(?:_k)?(?:_[sml01])?)|f?(?:p|f)?(?:16|32))$", re.IGNORECASE)


def known(model: str, tag: str) -> tuple[Known, Facts] | None:
    """A model of Ollama's library.

    Args:
        model: its name, such as `llama3.1`.
        tag: such as `8b`, `8b-instruct-q8_0` or `latest`.

    Returns:
        What the table says and the facts in the tag's quantization; None for a model that is not in the table, or a
        tag whose size or quantization is not understood.
    """
    size, _, rest = (_LATEST.get(model, "") if tag == "latest" else tag).partition("-")
    found = KNOWN.get(f"{model}:{size}")
    if found is None:
        return None
    quantization = _quantization(rest)
    return None if quantization == "" else (found, found.facts(quantization))


def _quantization(rest: str) -> str | None:
    """The quantization at a tag's end; None where it names none, an empty text where it is not understood."""
    if not rest or rest in ("instruct", "text", "base", "it"):
        return None
    match = _QUANTIZATION.search(rest)
    text = match[1].upper().replace("FP", "F") if match is not None else ""
    return text if text in BITS else ""


def smaller(weights: Weights | None, than: int) -> Iterator[tuple[str, int]]:
    """Quantizations whose weights are smaller than `than` bytes, best first, with their sizes."""
    if weights is None:
        return
    for quantization in _TRIED:
        size = weights.size(quantization)
        if size < than:
            yield quantization, size
