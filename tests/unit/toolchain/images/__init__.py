"""Tests of toolchain/images."""
