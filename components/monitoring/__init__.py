"""What the monitoring stack is made of: pure builders and data, without Pulumi."""
