"""Kubernetes quantities: how much CPU, memory or storage a string such as `250m` or `4Gi` stands for."""

import re
from fractions import Fraction

_BINARY = {suffix: Fraction(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi"), start=1)}
_DECIMAL = {suffix: Fraction(1000) ** power for power, suffix in enumerate(("k", "M", "G", "T", "P"), start=1)}
_BYTES = re.compile(r"([0-9]+(?:\.[0-9]+)?)(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?")
_CPU = re.compile(r"([0-9]+(?:\.[0-9]{1,3})?)(m)?")

BYTES_GRAMMAR = "a number followed by Ki, Mi, Gi, Ti or Pi (powers of 1024) or k, M, G, T or P, such as 512Mi or 20Gi"
CPU_GRAMMAR = "a number of cores such as 2 or 0.5, or of thousandths of a core such as 250m"


def parse_bytes(text: str) -> Fraction:
    """Bytes in `text`.

    Raises:
        ValueError: `text` is no positive quantity; the message gives the grammar.
    """
    found = _BYTES.fullmatch(text)
    if found is None or not (size := Fraction(found[1]) * {**_BINARY, **_DECIMAL, None: 1}[found[2]]):
        raise ValueError(f"must be {BYTES_GRAMMAR}")
    return Fraction(size)


def parse_cpu(text: str) -> Fraction:
    """Cores in `text`.

    Raises:
        ValueError: `text` is no positive quantity; the message gives the grammar.
    """
    found = _CPU.fullmatch(text)
    if found is None or not (cores := Fraction(found[1]) / (1000 if found[2] else 1)):
        raise ValueError(f"must be {CPU_GRAMMAR}")
    return cores


def format_bytes(size: Fraction | int) -> str:
    """`size` bytes in Mi, rounded up: a limit that is rounded down would refuse what it was computed from."""
    return f"{-(-Fraction(size) // _BINARY['Mi'])}Mi"


def format_cpu(cores: Fraction | int) -> str:
    """`cores` in thousandths, rounded up."""
    return f"{-(-Fraction(cores) * 1000 // 1)}m"
