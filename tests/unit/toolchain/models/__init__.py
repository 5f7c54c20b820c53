"""Tests of toolchain/models."""
