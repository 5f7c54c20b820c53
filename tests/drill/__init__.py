"""Faults on the local cluster, and the alerts that they raise; slow, so not among the tests."""
