"""Which models, from where."""
