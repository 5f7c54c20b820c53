"""Keeps a stack's encryption salt out of commits.

Pulumi writes ``encryptionsalt`` into ``Pulumi.<stack>.yaml`` when it first meets a passphrase. The passphrase of the
dev stack belongs to one checkout, so its salt must never reach another one: there it would answer every command with
"incorrect passphrase". A clean filter of git takes the line away on its way into the index.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

FILTER = "echorator-salt"
_SALT = re.compile(r"^encryptionsalt:.*\n?", re.MULTILINE)


def install_filter(checkout: Path) -> None:
    """Set up the filter that .gitattributes names; nothing happens outside a git checkout."""
    if not (checkout / ".git").exists():
        return
    for key, value in (("clean", "sed -e '/^encryptionsalt:/d'"), ("smudge", "cat")):
        subprocess.run(
            ["git", "config", "--local", f"filter.{FILTER}.{key}", value],
            cwd=checkout,
            check=False,
            capture_output=True,
        )


def remove_salt(config: Path) -> bool:
    """Take the salt out of a stack's configuration file; True when there was one.

    Raises:
        ValueError: the file holds values that were encrypted with that salt.
    """
    if not config.is_file():
        return False
    text = config.read_text()
    without = _SALT.sub("", text)
    if without == text:
        return False
    if "secure:" in text:
        raise ValueError(
            f"{config.name} holds secrets that belong to another passphrase; "
            "set PULUMI_CONFIG_PASSPHRASE_FILE to that passphrase's file, or set the secrets anew"
        )
    config.write_text(without)
    return True
