"""Tests of cognition on a real PostgreSQL."""
