"""Finding memories: three arms, one order, and the reasons."""
