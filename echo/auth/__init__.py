"""Who asks: API keys, signed requests of the `ollama` command, tokens of an OpenID provider; and how much."""
