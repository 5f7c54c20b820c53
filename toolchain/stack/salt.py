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
    if (checkout / ".git").exists():
        _git(checkout, "config", "--local", f"filter.{FILTER}.clean", "sed -e '/^encryptionsalt:/d'")
        _git(checkout, "config", "--local", f"filter.{FILTER}.smudge", "cat")


def settle(config: Path) -> None:
    """Tell git that a stack's file which differs by its salt alone is unchanged.

    The salt changes the file's size, and by that alone `git status` would call it modified for ever.
    """
    if not (config.parent / ".git").exists() or not config.is_file():
        return
    filtered = _git(config.parent, "hash-object", f"--path={config.name}", config.name)
    listed = _git(config.parent, "ls-files", "--stage", config.name).split()
    if len(listed) > 1 and listed[1] == filtered:
        _git(config.parent, "add", "--", config.name)


def _git(checkout: Path, *arguments: str) -> str:
    """What git answers; a git that is missing or refuses only means that the salt shows as a change."""
    try:
        done = subprocess.run(["git", *arguments], cwd=checkout, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()


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
