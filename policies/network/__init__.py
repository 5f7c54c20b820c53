"""What pods talk to, and what is reached from outside."""
