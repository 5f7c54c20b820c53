"""Faults made on purpose in a real cluster, each followed by a look at what came of it. `make faults` runs them."""
