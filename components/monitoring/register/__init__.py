"""Registers the parts of a monitoring stack; what they consist of is beside this folder."""
