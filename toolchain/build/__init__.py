"""Finds what is on PATH, builds what is missing from pinned sources, and shows how far it is."""
