"""Backups of the memory store: made, restored, and tried out."""
