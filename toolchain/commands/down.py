"""``make down``: destroys the stack, stops the cluster, leaves nothing behind."""

from __future__ import annotations

import shutil

from toolchain import local, paths
from toolchain.build import progress
from toolchain.commands.machines import CONFIG
from toolchain.machine import Kind
from toolchain.reduced import bring as reduced
from toolchain.session import NotUpError, Session
from toolchain.stack.pulumi import PulumiError
from toolchain.stack.salt import remove_salt, settle


def down(*, purge: bool) -> None:
    """End what `make up` began.

    Args:
        purge: also forget disks, keys, passphrase and the stack's record; without it the next `make up` is quicker.
    """
    report = progress.reporter()
    session = Session.load()
    node = local.known_node()
    alive = {Kind.EXISTING: True, Kind.NODE: node.running, Kind.REDUCED: reduced.of_checkout().running}
    if session is not None and alive[session.kind]:
        _destroy(session)
    reduced.down(purge=purge)
    if session is None or session.kind is not Kind.REDUCED or node.running:
        with report.step("Stopping the node") as step:
            node.down(lambda what, detail: step.detail(f"{what}: {detail}"), purge=purge)
    if purge:
        remove_salt(CONFIG)
        settle(CONFIG)
        if paths.state_dir().exists():
            shutil.rmtree(paths.state_dir())
    report.line("down: nothing of it runs or is mounted any more")


def _destroy(session: Session) -> None:
    try:
        pulumi = session.pulumi()
        if pulumi.exists():
            pulumi.destroy()
    except (NotUpError, PulumiError) as error:
        if session.kind is Kind.EXISTING:
            raise
        # The cluster goes with all that was in it; only the stack's record would tell of things that are gone.
        progress.reporter().line(f"the stack was not destroyed one by one: {error}")
