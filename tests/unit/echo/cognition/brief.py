"""How many examples the property tests of cognition take, and no deadline, which a loaded machine would miss."""

from hypothesis import HealthCheck, settings

BRIEF = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
