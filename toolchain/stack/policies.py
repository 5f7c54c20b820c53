"""The policy pack at a deploy: its own environment, and the options that have the engine run it."""

from __future__ import annotations

from pathlib import Path

from toolchain import side_environment

PACK = "policies"
_FALLBACK = "dev"
"""Whose parameters a stack gets that has none of its own, such as that of the reduced mode."""


class PolicyError(Exception):
    """The pack's environment cannot be made; says what to do."""


def options(project: Path, stack: str) -> list[str]:
    """For `pulumi up` and `pulumi preview` of a stack."""
    config = Path(PACK) / "config" / f"{stack}.json"
    if not (project / config).exists():
        config = Path(PACK) / "config" / f"{_FALLBACK}.json"
    return ["--policy-pack", PACK, "--policy-pack-config", str(config)]


def prepare(project: Path) -> None:
    """Bring the pack's environment to its lockfile; nothing is asked of a registry when it is there.

    Raises:
        PolicyError: uv is missing, or cannot make it.
    """
    try:
        side_environment.prepare(project, PACK, "the policy pack")
    except side_environment.SideEnvironmentError as error:
        raise PolicyError(str(error)) from error
