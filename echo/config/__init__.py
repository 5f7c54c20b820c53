"""What the service is told: files, Secrets, environment, arguments, and changes while it runs."""
