"""Servers that tests start for themselves: a real Ollama, a real registry, and a proxy that misbehaves."""
