"""The responder."""
