"""The grammar of names that several packages look at; imports nothing of ours."""

from __future__ import annotations

import re

SPACE_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")
"""Of a memory space, whole."""
