"""Tests of the toolchain.build package."""
