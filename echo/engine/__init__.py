"""From a request to the replica that answers it: fleet, choice, queue, relay."""
