"""Secrets are recognised by Pulumi's mark, by the name of their field and by their shape; ordinary values stay.

Not shown: that every secret has a known shape. A random password in a field with a harmless name is not recognised.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci.preview_comment.secrets import MASK, is_marked, is_secret_name, mask_text

# In pieces, so that no scanner takes this file for a leak.
SHAPES = {
    "private key": "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nabcd\n-----END RSA PRIVATE KEY-----",
    "cut private key": "-----BEGIN " + "PRIVATE KEY-----\nMIIEowIBAAKCAQEA",
    "web token": "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w",
    "AWS": "AKIA" + "IOSFODNN7EXAMPLE",
    "GitHub": "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a",
    "GitHub, fine-grained": "github_pat_" + "11ABCDEFG0aBcDeFgHiJkL",
    "GitLab": "glpat-" + "aBcDeFgHiJkLmNoPqRsT",
    "Slack": "xoxb-" + "123456789012-abcdefghij",
    "Hugging Face": "hf_" + "abcdefghijklmnopqrstuvwx",
    "Pulumi": "pul-" + "0123456789abcdef0123456789abcdef01234567",
    "age": "AGE-SECRET-KEY-1" + "QQPQFFD4XG0X5VQXKLN3X9",
    "random": "Zm9vYmFyMTIz" + "QXNkZkdoSmtMOTg3NjU0MzIx",
}


@pytest.mark.parametrize("kind", SHAPES)
def test_shapes(kind: str) -> None:
    masked = mask_text(f"before {SHAPES[kind]} after")
    assert SHAPES[kind] not in masked
    assert max(SHAPES[kind].split("\n"), key=len) not in masked
    assert MASK in masked
    assert masked.startswith("before ")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgres://app:hunter2@db:5432/x", "postgres://app:[secret]@db:5432/x"),
        ("Authorization: Bearer abcdefgh12345", "Authorization: [secret] abcdefgh12345"),
        ("password=hunter2 host=db", "password=[secret] host=db"),
        ('{"dbPassword": "a b c", "host": "db"}', '{"dbPassword": [secret], "host": "db"}'),
        ("API_KEY: 'abc'", "API_KEY: [secret]"),
        ("token=[secret]", "token=[secret]"),
        ("automountServiceAccountToken: must be false", "automountServiceAccountToken: must be false"),
        ("Set `hostToken: false`.", "Set `hostToken: false`."),
    ],
)
def test_assignments(text: str, masked: str) -> None:
    if "Bearer" in text:
        assert "abcdefgh12345" not in mask_text(text)
    else:
        assert mask_text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "sha256:65dcc1700a407157d7b9f2ad73be75c2fe7980a3254bd8d12f7b39df890cbc5b",
        "ghcr.io/echorator/runtime:0.1.0-7ef69e320edb@sha256:" + "a1" * 32,
        "registry.ollama.ai/library/smollm2:135m",
        "http://model-store.echorator-models.svc.cluster.local:5000",
        "urn:pulumi:dev::echorator::echorator:index:OllamaServer$kubernetes:apps/v1:StatefulSet::chat-pods",
        "updates to statefulset spec for fields other than 'replicas', 'persistentVolumeClaimRetentionPolicy'",
        "[secret]",
    ],
)
def test_ordinary_values_stay(text: str) -> None:
    assert mask_text(text) == text


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "dbPassword",
        "DB_PASSWORD",
        "db-password-2",
        "apiKey",
        "api_key",
        "token",
        "accessToken",
        "clientSecret",
        "AWS_SECRET_ACCESS_KEY",
        "privateKey",
        "connectionString",
        "dsn",
        "kubeconfig",
        "HTTPToken",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "secretName",
        "tokenPath",
        "passwordFile",
        "tokenExpirationSeconds",
        "secretKeyRef",
        "imagePullSecretName",
        "key",
        "name",
        "image",
        "replicas",
        "compass",
        "author",
        "keepAlive",
        "tokenizer",
        "monkey",
    ],
)
def test_names_of_other_things(name: str) -> None:
    assert not is_secret_name(name)


def test_marks_of_pulumi() -> None:
    mark = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:abc"}
    assert is_marked(mark)
    assert is_marked("[secret]")
    assert not is_marked({"4dabf18193072939515e22adb298388d": "c44067f5952c0a294b673a41bacd8c17"})
    assert not is_marked({"secret": 1})


@settings(deadline=None)
@given(st.text())
def test_masking_twice_changes_nothing_more(text: str) -> None:
    assert mask_text(mask_text(text)) == mask_text(text)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text", ["a" * 200_000, "token" * 40_000, "eyJ" * 50_000, "://" * 60_000, "password " * 20_000]
)
def test_long_texts_take_no_time(text: str) -> None:
    """Backtracking over a large ConfigMap must not hold up a pull request."""
    assert len(mask_text(text)) <= len(text) + len(MASK)
