"""Traces and logs of a whole stack on the local cluster; slow to deploy, so not among the tests of `make test`."""
