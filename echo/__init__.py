"""What runs in the cluster beside the models: a memory, and the service in front of both."""
