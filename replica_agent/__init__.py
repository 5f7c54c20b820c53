"""The sidecar of every Ollama pod: brings the wanted models, gates traffic, drains, measures."""
