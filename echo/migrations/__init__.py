"""The schema of the memory store, in forward steps.

A step only adds: tables, columns with a default, indexes. So a service of the version before goes on working while
and after it runs. What an old service still reads is taken away by a later release's step, when nothing reads it.
"""

from echo.migrations.runner import MigrationError, migrate, status
from echo.migrations.steps import LATEST, Step, steps

__all__ = ["LATEST", "MigrationError", "Step", "migrate", "status", "steps"]
