"""The HTTP faces, one file a family."""
