"""The ledger: what is kept, in what file, and what each entry says.

Proves: nothing is lost over a restart or a kill while it is written, and a broken file is no failure. Removal itself
is in tests/ollama.
"""

from __future__ import annotations

import errno
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollama import FileLedger, LedgerEntry, MemoryLedger, ResourceError, SystemFault, WantedModel, unwanted
from ollama.document import Recipe
from ollama.files import FileStamp
from ollama.ledger import Tracker

ENTRY = LedgerEntry(
    "Tiny:1", "brought", "sha256:aa", "ff", None, None, True, (FileStamp("/a.gguf", 1, 2**62, "sha256:bb"),)
)


def test_what_is_entered_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "ledger.json"
    ledger = FileLedger(path)
    assert (ledger.entries(), ledger.fault) == ([], None)
    ledger.put(ENTRY)
    ledger.put(LedgerEntry("other:1", "found", "sha256:cc", alias_of="x:1"))
    ledger.put(LedgerEntry("third:1", "bringing", replaces="sha256:dd"))
    again = FileLedger(path)
    assert again.entries() == ledger.entries()
    assert again.get("tINY:1") == ENTRY
    again.drop("TINY:1")
    again.drop("never:1")
    assert [entry.name for entry in FileLedger(path).entries()] == ["other:1", "third:1"]
    assert [file.name for file in tmp_path.iterdir()] == ["ledger.json"]


def test_nothing_is_written_when_nothing_changes(tmp_path: Path) -> None:
    path = tmp_path / "ledger.json"
    FileLedger(path).put(ENTRY)
    path.chmod(0o444)
    before = path.stat().st_mtime_ns
    FileLedger(path).put(ENTRY)
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff\xfe", b'{"version":2,"entries":[]}', b'{"entries":[{"name":"a b","origin":"found"}]}',
     b'{"entries":[{"name":"a","origin":"stolen"}]}'],
)  # fmt: skip
def test_a_broken_file_is_kept_aside_and_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ledger.json"
    path.write_bytes(content)
    ledger = FileLedger(path)
    assert ledger.entries() == []
    assert ledger.fault is not None
    assert "begins empty" in ledger.fault
    assert (tmp_path / "ledger.json.broken").read_bytes() == content
    ledger.put(ENTRY)
    assert FileLedger(path).fault is None


@given(st.binary(max_size=200))
def test_no_content_is_a_failure(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.json"
        path.write_bytes(content)
        FileLedger(path).put(ENTRY)
        assert FileLedger(path).get("tiny:1") == ENTRY


def test_an_entry_of_a_newer_version_is_read_in_part(tmp_path: Path) -> None:
    path = tmp_path / "ledger.json"
    FileLedger(path).put(ENTRY)
    document: dict[str, Any] = json.loads(path.read_text())
    document["more"] = document["entries"][0]["more"] = 1
    path.write_text(json.dumps(document))
    assert FileLedger(path).entries() == [ENTRY]


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, ResourceError), (errno.EACCES, SystemFault)])
def test_a_disk_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception]
) -> None:
    ledger = FileLedger(tmp_path / "ledger.json")

    def full(*_: object) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr("ollama.ledger.os.fsync", full)
    with pytest.raises(kind, match=r"ledger\.json` cannot be written"):
        ledger.put(ENTRY)
    monkeypatch.undo()
    assert FileLedger(tmp_path / "ledger.json").entries() == [], "half a file is never read"


A, B = "sha256:aa", "sha256:bb"


@pytest.mark.parametrize(
    ("old", "before", "after", "origin"),
    [
        (None, "untouched", A, "found"),
        (None, None, A, "brought"),
        (None, B, A, "brought"),
        (LedgerEntry("m:1", "found", A), "untouched", A, "found"),
        (LedgerEntry("m:1", "found", A), None, A, "found"),
        (LedgerEntry("m:1", "found", A), A, B, "brought"),
        (LedgerEntry("m:1", "brought", A), "untouched", A, "brought"),
        (LedgerEntry("m:1", "brought", A), B, A, "brought"),
        (LedgerEntry("m:1", "bringing"), "untouched", A, "brought"),
        (LedgerEntry("m:1", "bringing", replaces=A), "untouched", A, "found"),
        (LedgerEntry("m:1", "bringing", replaces=B), "untouched", A, "brought"),
        (LedgerEntry("m:1", "bringing", replaces=A), A, B, "brought"),
    ],
)
def test_whose_a_name_is(old: LedgerEntry | None, before: str | None, after: str, origin: str) -> None:
    ledger = MemoryLedger([old] if old is not None else [])
    track = Tracker(ledger, "m:1")
    if before != "untouched":
        track.begin(before)
        entry = ledger.get("m:1")
        assert entry is not None
        assert entry.origin == ("brought" if old is not None and old.origin == "brought" else "bringing")
    track.done(after)
    assert ledger.get("M:1") == LedgerEntry("m:1", origin, after)  # pyright: ignore[reportArgumentType]


def test_what_nobody_wants() -> None:
    ledger = MemoryLedger(LedgerEntry(name, "brought") for name in ("a:1", "b:1", "c:1", "d:1", "s/l/e:1"))
    wanted = [
        WantedModel("A:1", "a:1", aliases=("B:1",)),
        WantedModel("x:1", create=Recipe(from_model="c:1")),
        WantedModel("y:1", "s/l/e:1", keep_source=True),
    ]
    assert [entry.name for entry in unwanted(wanted, ledger)] == ["d:1"]
