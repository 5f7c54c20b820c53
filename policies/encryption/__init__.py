"""Volumes, backups, traffic, and secrets in clear."""
