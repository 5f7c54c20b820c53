"""Range and Content-Range against a plain reference: slicing real bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.ranges import ByteRange, UnsatisfiableRange, parse_content_range, parse_range


@given(st.binary(max_size=50), st.integers(0, 60), st.integers(0, 60))
def test_closed_range_is_the_slice(data: bytes, first: int, last: int) -> None:
    header = f"bytes={first}-{last}"
    if last < first:
        assert parse_range(header, len(data)) is None
    elif first >= len(data):
        with pytest.raises(UnsatisfiableRange):
            parse_range(header, len(data))
    else:
        found = parse_range(header, len(data))
        assert found is not None
        assert data[found.start : found.stop] == data[first : last + 1]
        assert found.length == len(data[first : last + 1])


@given(st.binary(min_size=1, max_size=50), st.integers(1, 60))
def test_open_and_suffix_ranges(data: bytes, count: int) -> None:
    suffix = parse_range(f"bytes=-{count}", len(data))
    assert suffix is not None
    assert data[suffix.start : suffix.stop] == data[-count:]
    start = count % len(data)
    assert parse_range(f"bytes={start}-", len(data)) == ByteRange(start, len(data))


@given(st.text(max_size=30))
def test_any_text_is_a_range_or_ignored(text: str) -> None:
    try:
        found = parse_range(text, 100)
    except UnsatisfiableRange:
        return
    assert found is None or 0 <= found.start < found.stop <= 100


@pytest.mark.parametrize("header", [None, "", "bytes=-", "bytes=1-2,4-5", "items=0-1", "bytes=a-b", "bytes=5-4"])
def test_ignored(header: str | None) -> None:
    assert parse_range(header, 10) is None


def test_empty_suffix_and_empty_blob_have_no_byte() -> None:
    for header, total in (("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-5", 0)):
        with pytest.raises(UnsatisfiableRange):
            parse_range(header, total)


def test_content_range() -> None:
    assert parse_content_range("bytes 5-9/10") == (5, 10)
    assert parse_content_range("bytes */10") == (None, 10)
    assert parse_content_range("bytes 5-9/*") is None
    assert parse_content_range(None) is None
