"""The service in front of Ollama: one address for every model, keys, limits, and health.

Runs in the cluster as `python -m echo --config FILE`. `echo.memory` is the memory library.
"""
