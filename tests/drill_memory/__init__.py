"""Faults of the memory under watch: what `make drill` has where both the memory and monitoring are drilled."""
