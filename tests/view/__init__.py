"""The live view in a real browser, on a real echo service with a real memory."""
