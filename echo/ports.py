"""The ports of the echo service's pods."""

MAIN_PORT = 5000
"""The whole API."""

OLLAMA_PORT = 11434
"""Ollama's API (and the OpenAI one that Ollama has), and nothing else."""

INTERNAL_PORT = 5001
"""Metrics and the drain: for the cluster alone, so it asks for no key."""
