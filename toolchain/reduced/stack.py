"""The reduced stack's configuration file, which names ports of this checkout.

It lies where Pulumi looks for it, so that `pulumi preview -s reduced` typed by hand needs no further option, and is
written on each machine instead of committed: with fixed ports two checkouts could not run at once.
"""

from __future__ import annotations

import re
from pathlib import Path

from toolchain.stack.salt import remove_salt

STACK = "reduced"
TEMPLATE = Path(__file__).with_name("stack.yaml")
_HEAD = re.compile(r"# ports: ollama=(\d+) store=(\d+)\n")


def render(ollama: int, store: int) -> str:
    """The file as it is first written."""
    return TEMPLATE.read_text().replace("OLLAMA", str(ollama)).replace("STORE", str(store))


def mended(text: str, ollama: int, store: int) -> str:
    """A file that may have been edited, with today's ports wherever it has the earlier ones.

    Raises:
        ValueError: its first line, which says what the earlier ones are, is gone.
    """
    head = _HEAD.match(text)
    if head is None:
        raise ValueError("its first line must be `# ports: ollama=PORT store=PORT`; delete the file to have it anew")
    new = {head[1]: str(ollama), head[2]: str(store)}
    body = re.sub(
        rf"\b(127\.0\.0\.1|localhost):({head[1]}|{head[2]})\b",
        lambda found: f"{found[1]}:{new[found[2]]}",
        text[head.end() :],
    )
    return f"# ports: ollama={ollama} store={store}\n{body}"


def write(file: Path, ollama: int, store: int) -> None:
    """Write the file, or mend its ports.

    Raises:
        ValueError: see :func:`mended`.
    """
    text = mended(file.read_text(), ollama, store) if file.exists() else render(ollama, store)
    if not file.exists() or file.read_text() != text:
        part = file.with_name(f".{file.name}.part")
        part.write_text(text)
        part.rename(file)


def forget(file: Path) -> bool:
    """Delete the file if it is as it was written; one that was edited loses only its salt.

    Returns:
        Whether nothing is left of it.

    Raises:
        ValueError: It holds secrets, which the salt belongs to.
    """
    if not file.exists():
        return True
    remove_salt(file)
    text = file.read_text()
    head = _HEAD.match(text)
    if head is not None and text == render(int(head[1]), int(head[2])):
        file.unlink()
        return True
    return False
