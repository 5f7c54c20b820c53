"""Pods: Pod Security Standards, and what keeps them running."""
