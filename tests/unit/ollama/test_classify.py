"""The kind and the hint for what servers say.

Proves: each message below, seen from Ollama 0.17.4, Go, Linux or the API server, gets its kind. Does not
prove that other versions word it alike.
"""

from __future__ import annotations

import pytest

from ollama.classify import classify

M = "pull model manifest: "


@pytest.mark.parametrize(
    ("message", "status", "kind"),
    [
        ("write /models/blobs/sha256-ab-partial: no space left on device", None, "resource"),
        ("max retries exceeded: write x: no space left on device", None, "resource"),
        (M + '507: {"errors": [{"code": "INSUFFICIENT_STORAGE", "message": "no room"}]}', None, "resource"),
        ("model requires more system memory (9 GiB) than is available (2 GiB)", 500, "resource"),
        (M + "file does not exist", None, "configuration"),
        (M + "file does not exist", 500, "configuration"),
        (M + "412: The model requires a newer version of Ollama", None, "configuration"),
        (M + "unauthorized: access denied", None, "configuration"),
        (M + '403: {"errors":[]}', None, "configuration"),
        (M + 'Get "https://r/v2/": http: server gave HTTP response to HTTPS client', None, "configuration"),
        (M + 'Get "https://r/v2/": tls: failed to verify certificate: x509: unknown', None, "configuration"),
        ("http: no Location header in response", None, "configuration"),
        ("invalid model name", 400, "configuration"),
        ('model "x:1" not found, try pulling it first', 404, "configuration"),
        ("open /models/manifests/x: permission denied", None, "configuration"),
        ("mkdir /models/manifests: read-only file system", None, "configuration"),
        ('unsupported architecture "OddForCausalLM"', None, "configuration"),
        (
            "llama runner process has terminated: error loading model: unknown model architecture: 'odd'",
            500,
            "configuration",
        ),
        ("quantization is only supported for F16 and F32 models", None, "configuration"),
        ("unsupported quantization type Q9 - supported types are F32, F16", None, "configuration"),
        ("supplied file was not in GGUF format", 400, "configuration"),
        ('tensor "x" offset+size (9) exceeds file size (8)', None, "configuration"),
        ("failed to read tensor name: unexpected EOF", None, "configuration"),
        ("unknown tokenizer format", None, "configuration"),
        ("template error: template: :1: unclosed action", None, "configuration"),
        ("only one adapter is currently supported", 400, "configuration"),
        ("stat /m/manifests/registry.ollama.ai/library/x/1: no such file or directory", 400, "transient"),
        ("file does not exist", None, "transient"),
        (M + "500: Internal Server Error", None, "transient"),
        (M + "429: slow down", None, "transient"),
        ("503: busy", None, "transient"),
        (M + "Get x: dial tcp 127.0.0.1:1: connect: connection refused", None, "transient"),
        (M + "Get x: dial tcp: lookup nohost.invalid: no such host", None, "transient"),
        ("max retries exceeded: unexpected EOF", None, "transient"),
        ("context canceled", None, "transient"),
        ("digest mismatch, file must be downloaded again: want sha256:a, got sha256:b", None, "transient"),
        ("server busy, please try again. maximum pending requests exceeded", 503, "transient"),
        ("error trying to reach service: dial tcp 10.0.0.1:11434: i/o timeout", 500, "transient"),
        ("", 502, "transient"),
        ("slow down", 429, "transient"),
        ("pods is forbidden", 403, "configuration"),
        ("wrong", 400, "configuration"),
        ("something nobody has seen", 500, "system"),
        ("something nobody has seen", None, "system"),
        ("", None, "system"),
        # Digits of a status inside something else decide nothing.
        ("layer 412500 of sha256:e4294012e is odd", None, "system"),
    ],
)
def test_kinds(message: str, status: int | None, kind: str) -> None:
    error = classify("chat-0", "tiny:1", message, status)
    assert error.kind == kind
    assert (error.replica, error.model) == ("chat-0", "tiny:1")
    assert error.hint
    # What a registry says is told without the document around it.
    assert " ".join(message.split()).partition('{"errors"')[0] in error.message


def test_a_registrys_sentences_are_told_and_its_document_is_not() -> None:
    document = '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"there is no such tag","detail":{"name":"x"}}]}'
    error = classify("chat-0", "tiny:1", f"pull model manifest: 404: {document}")
    assert error.message == "pull model manifest: 404: there is no such tag"
    for odd in ('{"errors":[]}', '{"errors":[{"code":"X"}]}', '{"errors":7}', '{"errors":['):
        assert classify("chat-0", "tiny:1", f"500: {odd}").message.endswith(odd)


def test_text_of_an_error_has_all_four_things() -> None:
    text = str(classify("chat-0", "tiny:1", M + "file does not exist"))
    assert text.startswith("replica `chat-0`, model `tiny:1`: pull model manifest: file does not exist (configuration)")
    assert "\n  fix: the registry has no such model or tag" in text
