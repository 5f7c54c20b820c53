"""Unit tests of the memory's part in requests."""
