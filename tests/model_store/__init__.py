"""The model store as a process, before a real registry and real Ollama servers."""
