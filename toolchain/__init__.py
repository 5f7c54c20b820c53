"""What a bare machine lacks: the tools, a local Kubernetes node, images and models."""
