"""The ports of a replica's pod."""

GATE_PORT = 11434
"""Where clients ask: Ollama's own port, so that nothing changes for them."""

OLLAMA_PORT = 11435
"""Ollama itself, on the pod's loopback alone."""

AGENT_PORT = 11436
"""The agent's own API: health, drain, metrics, report."""

METRICS_PORT = 9443
"""Where metrics are told by TLS, by every service of the stack that is told to: nothing else is on it."""
