"""Turns what can go wrong into a message, something to do and an exit code; the only place that knows both sides."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import typer

from cli.exits import CliError, Exit
from cli.output import Output


@contextmanager
def told(output: Output) -> Generator[None]:
    """Run a command's body: an expected failure ends in its message and exit code, an unexpected one as it is."""
    try:
        yield
    except KeyboardInterrupt:
        _end(output, CliError("interrupted", "nothing was changed", code=Exit.INTERRUPTED))
    except typer.Abort:
        _end(output, CliError("not confirmed", "nothing was changed", code=Exit.INTERRUPTED))
    except typer.Exit:
        raise
    except Exception as error:
        failure = _failure(error)
        if failure is None:
            raise
        _end(output, failure)


def document(failure: CliError) -> Mapping[str, Any]:
    """What `--json` gives for a failure."""
    about = {"code": int(failure.code), "kind": failure.code.name.lower(), "message": failure.message}
    return {"error": {**about, "hint": failure.hint, **failure.details}}


def _end(output: Output, failure: CliError) -> None:
    output.error(failure.message, failure.hint)
    output.result(document(failure))
    raise typer.Exit(int(failure.code))


def _failure(error: Exception) -> CliError | None:  # noqa: PLR0911
    if isinstance(error, CliError):
        return error
    # Imported only now: `--help` and a command that ends well must not pay for it.
    from cli.yaml_text import EditError  # noqa: PLC0415
    from components.kube_api import KubeApiError, KubeUnreachableError  # noqa: PLC0415
    from components.kube_context import KubeContextError  # noqa: PLC0415
    from components.settings.stack import SettingsError  # noqa: PLC0415
    from ollama import OllamaError  # noqa: PLC0415
    from toolchain.session import NotUpError  # noqa: PLC0415
    from toolchain.stack.pulumi import PulumiError  # noqa: PLC0415

    if isinstance(error, SettingsError):
        count = len(error.faults)
        lines = "\n".join(f"  - {fault}" for fault in error.faults)
        message = f"the settings would have {count} fault{'' if count == 1 else 's'}; nothing was changed:\n{lines}"
        faults = [{"path": fault.path, "problem": fault.problem} for fault in error.faults]
        return CliError(message, code=Exit.REFUSED, details={"faults": faults})
    if isinstance(error, EditError):
        return CliError(f"the stack's file was not changed: {error}", code=Exit.REFUSED)
    if isinstance(error, KubeUnreachableError | KubeContextError | NotUpError):
        return CliError(str(error), "`make up` starts or mends a local cluster", code=Exit.UNREACHABLE)
    if isinstance(error, KubeApiError):
        return CliError(str(error), code=Exit.UNREACHABLE)
    if isinstance(error, OllamaError):
        return CliError(str(error), error.hint, code=Exit.FAILED)
    return CliError(str(error)) if isinstance(error, PulumiError) else None
