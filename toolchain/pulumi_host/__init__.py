"""A language host for Pulumi programs in Python, for engines that were built from source."""
