"""Sort what Ollama, a registry behind it, or a proxy before it says into the four kinds of error.

Ollama reports most failures of a pull as free text after HTTP 200, so the text is all there is to go by. The
phrases are Ollama's, Go's and Linux's own; the first row that matches decides, so the rows go from the
certain (a full disk is a full disk, whatever was tried) to the vague.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from ollama.errors import ConfigurationError, OllamaError, ResourceError, SystemFault, TransientError
from ollama.settings import QUANTIZE

_CONVERTS = (
    "Ollama 0.17.4 converts, by the `architectures` of config.json, those of Llama, Mllama, Llama 4, Mistral 3, "
    "Mixtral, Gemma 1 to 3n, Phi 3, Qwen 2 to 3.5, Olmo 3, BERT, NomicBERT, Command R, GPT-OSS, DeepSeek V3 and OCR, "
    "GLM 4 MoE Lite and OCR, LFM 2 and Nemotron H, and adapters of Llama and Gemma 2; convert others to GGUF with "
    "llama.cpp, or run a newer Ollama"
)
_RETRY = "nothing if it passes; else see whether the registry or the model store is up and reachable"


@dataclass(frozen=True)
class _Rule:
    pattern: re.Pattern[str]
    error: type[OllamaError]
    hint: str


def _rule(pattern: str, error: type[OllamaError], hint: str) -> _Rule:
    return _Rule(re.compile(pattern, re.IGNORECASE), error, hint)


_RULES = (
    _rule(
        r"no space left on device|disk quota exceeded|file too large",
        ResourceError,
        "make the replica's volume larger (the server's `storage`), or remove models from it",
    ),
    _rule(
        r"manifest: 507\b|^507\b|INSUFFICIENT_STORAGE",
        ResourceError,
        "the registry that the replica pulls from is full: give it more room (for the model store, "
        "`modelStore.storage`), or remove models from it",
    ),
    _rule(
        r"requires more system memory|out of memory|cannot allocate memory|insufficient memory",
        ResourceError,
        "give the server more memory (a larger `class` or memory limit), or take a smaller model",
    ),
    _rule(
        r"read-only file system|permission denied",
        ConfigurationError,
        "the server's user must be able to write its models folder: see the volume's owner and mode",
    ),
    # Ollama lists the manifests and then opens each, without a lock: another client removed one in between.
    _rule(r"manifests/\S+: no such file or directory", TransientError, "nothing: another client was at work"),
    _rule(
        r"manifest: 412\b|^412\b|newer version of ollama",
        ConfigurationError,
        "the model needs a newer Ollama: raise the server's version, or take an older tag of the model",
    ),
    _rule(r"unsupported architecture|unknown architecture", ConfigurationError, _CONVERTS),
    _rule(
        r"unknown model architecture|model architecture .* not supported|unsupported model architecture",
        ConfigurationError,
        "this Ollama cannot run that architecture: raise the server's version, or take another model",
    ),
    _rule(
        r"quantization is only supported for",
        ConfigurationError,
        "leave `quantize` out, or give weights of 16 or 32 bits (F16 or F32) as base or files",
    ),
    _rule(
        r"unsupported quantization type",
        ConfigurationError,
        f"choose a `quantize` that Ollama makes: {', '.join(QUANTIZE)}",
    ),
    _rule(
        r"not in GGUF format|invalid file magic|unknown tensor format|unsupported safetensors model|^unknown type$"
        r"|invalid gguf|exceeds file size|failed to read tensor",
        ConfigurationError,
        "give a whole GGUF file, or a folder with Safetensors files, config.json and the tokenizer; not a Git LFS "
        "pointer, and no weights of bitsandbytes",
    ),
    _rule(
        r"unknown tokenizer format|tokenizer merges|chat_template",
        ConfigurationError,
        "put the model's tokenizer.json or tokenizer.model beside its weights",
    ),
    _rule(r"template error|template: ", ConfigurationError, "correct `template`: it is one of Go's text/template"),
    _rule(
        r"only one adapter|no base model was found|adapter_config\.json",
        ConfigurationError,
        "give one LoRA adapter, made for this base: a GGUF file, or a folder with adapter_config.json and Safetensors",
    ),
    _rule(
        r"pull model manifest: file does not exist",
        ConfigurationError,
        "the registry has no such model or tag: check the spelling of `source` and its tag",
    ),
    _rule(
        r"model \S+ not found",
        ConfigurationError,
        "the replica has no such model: check the spelling, or add it to the server's models and deploy",
    ),
    _rule(
        r"invalid model name|name \S+ is invalid|unqualified name",
        ConfigurationError,
        "use [host/][namespace/]model[:tag]",
    ),
    _rule(
        r"server gave HTTP response to HTTPS client",
        ConfigurationError,
        "the registry speaks plain HTTP: set `insecure: true` for this source",
    ),
    _rule(
        r"insecure protocol",
        ConfigurationError,
        "a source over plain HTTP needs `insecure: true`",
    ),
    _rule(
        r"no Location header",
        ConfigurationError,
        "Ollama cannot pull from a plain OCI registry: pull through the model store, which adds that header",
    ),
    _rule(
        r"realm host .* does not match",
        ConfigurationError,
        "the registry sends its clients elsewhere for a token, which Ollama refuses: pull through the model store",
    ),
    _rule(
        r"x509|certificate",
        ConfigurationError,
        "the replica does not trust the registry's certificate: mount its CA and point SSL_CERT_FILE at it",
    ),
    _rule(
        r"unauthorized|access denied|manifest: 40[13]\b|^40[13]\b",
        ConfigurationError,
        "the registry refuses this client: the source is private or misspelt; add the replica's key there",
    ),
    _rule(
        r"no such host",
        TransientError,
        "check the host in `source` for a misspelling, and the replica's DNS and network policies",
    ),
    _rule(
        r"digest mismatch",
        TransientError,
        "the bytes that arrived are not the ones the manifest names; if it stays so, the blob in the registry or "
        "in the model store is damaged: delete it there",
    ),
    _rule(
        r"connection refused|connection reset|broken pipe|\bEOF\b|i/o timeout|network is unreachable"
        r"|no route to host|TLS handshake timeout|context (canceled|deadline exceeded)|max retries exceeded"
        r"|manifest: (408|425|429|5\d\d)\b|^(408|425|429|5\d\d)\b|unexpected status code|part stalled"
        r"|file does not exist|Client\.Timeout|server misbehaving|http2: |lost connection"
        r"|error trying to reach service|error dialing backend|no endpoints available"
        r"|server busy",
        TransientError,
        _RETRY,
    ),
)  # fmt: skip


def classify(replica: str, model: str | None, message: str, status: int | None = None) -> OllamaError:
    """Return the error for what a server said.

    Args:
        replica: label of the server.
        model: the model concerned, if any.
        message: the text of its answer.
        status: the HTTP status, or None for an error inside a stream that began with 200.
    """
    text = " ".join(message.split()) or f"HTTP {status} without a word"
    # Only now: the rules look for the codes, which the sentences have not.
    told = _without_oci_shell(text)
    for rule in _RULES:
        if rule.pattern.search(text):
            return rule.error(replica, model, told, rule.hint)
    error, hint = _by_status(status)
    return error(replica, model, told if status is None else f"HTTP {status}: {told}", hint)


def _without_oci_shell(text: str) -> str:
    """`text`, with an OCI error document at its end replaced by the sentences in it."""
    before, mark, document = text.partition('{"errors":')
    try:
        said = [str(one["message"]) for one in json.loads(mark + document)["errors"]]
    except (ValueError, KeyError, TypeError):
        return text
    return before + "; ".join(said) if said else text


def _by_status(status: int | None) -> tuple[type[OllamaError], str]:
    match status:
        case 400 | 405 | 412 | 413 | 422:
            return ConfigurationError, "correct the request: the server says what it does not accept"
        case 401 | 403:
            return ConfigurationError, (
                "the way to the server refuses us: through the API server's pod proxy one needs the right to "
                "`get`, `create` and `delete` on `pods/proxy`"
            )
        case 408 | 425 | 429 | 502 | 503 | 504:
            return TransientError, "nothing if it passes; else see whether the replica runs and is not overloaded"
        case _:
            return SystemFault, "read the log of the replica's Ollama server"
