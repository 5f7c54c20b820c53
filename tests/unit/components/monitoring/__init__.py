"""Pure builders of the monitoring stack."""
