"""What sections of the settings cannot say by their types: a topic a module."""
