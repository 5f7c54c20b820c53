"""Unit tests of the model store's parts."""
