"""Where images and charts come from."""
