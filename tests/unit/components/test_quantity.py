"""Quantities: every string that Kubernetes takes for a positive size is read as that size, and nothing else is.

Not proved: forms that Kubernetes takes and we refuse (exponents, n and u suffixes, signs), which nobody writes by hand.
"""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.quantity import format_bytes, format_cpu, parse_bytes, parse_cpu


@pytest.mark.parametrize(
    ("text", "size"),
    [("1", 1), ("1k", 1000), ("1Ki", 1024), ("1.5Gi", 3 * 2**29), ("20Gi", 20 * 2**30), ("2T", 2 * 10**12)],
)
def test_bytes(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize(("text", "cores"), [("2", Fraction(2)), ("0.5", Fraction(1, 2)), ("250m", Fraction(1, 4))])
def test_cpu(text: str, cores: Fraction) -> None:
    assert parse_cpu(text) == cores


@pytest.mark.parametrize("text", ["", "0", "0Gi", "-1Gi", "1gb", "1 Gi", "Gi", "1m", "ten", "1e3", "1GiB"])
def test_bytes_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as 512Mi or 20Gi"):
        parse_bytes(text)


@pytest.mark.parametrize("text", ["", "0", "0m", "-1", "1Gi", "0.0001", "one"])
def test_cpu_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as 250m"):
        parse_cpu(text)


@given(st.integers(min_value=1, max_value=10**18))
def test_formatting_never_rounds_down(size: int) -> None:
    assert size <= parse_bytes(format_bytes(size)) < size + 2**20


@given(st.fractions(min_value=Fraction(1, 1000), max_value=10**6))
def test_formatting_cpu_never_rounds_down(cores: Fraction) -> None:
    assert cores <= parse_cpu(format_cpu(cores)) < cores + Fraction(1, 1000)
