"""What stands between requests and the memory: who may use which space, recall, learning, events."""
