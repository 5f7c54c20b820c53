"""What runs in the cluster beside the models: a memory (`echo.memory`), and the service in front of both.

The service runs as `python -m echo --config FILE`: one address for every model, keys, limits, and health.
"""
