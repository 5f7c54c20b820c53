"""Bounds of the histograms: what an objective promises must be one of them, or it cannot be counted."""

FIRST_TOKEN_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
"""A first token takes from milliseconds (a small model in memory) to minutes (a large one from a slow disk)."""

REQUEST_SECONDS = (0.05, 0.25, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)

TOKEN_RATES = (1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)
"""Tokens a second of one answer."""

PROMPT_RATES = (10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000)
"""Tokens a second of one prompt: read in parallel, and so much faster than they are written."""

BRING_SECONDS = (1, 5, 15, 30, 60, 120, 300, 600, 1200, 2400, 3600)
"""From a small model in the store to a large one from afar; an hour is the longest a pull may take."""
