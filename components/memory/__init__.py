"""What a memory store consists of: objects as Kubernetes spells them, and what registers them."""
