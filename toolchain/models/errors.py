"""What goes wrong while models are made."""


class ModelError(Exception):
    """A model cannot be made or published; the message says why and what to do."""
