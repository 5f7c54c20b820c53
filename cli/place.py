"""Which stack a command works on: the environment of its engine, its configuration file, its cluster.

The environment is the one that `make up` brought, as every command of the toolchain uses it; without one, the user's
own `pulumi`, backend and kubeconfig.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.exits import CliError, Exit
from components.kube_context import KubeContext, kubeconfig_paths, load
from components.settings.stack import Settings
from toolchain import paths
from toolchain.session import Session
from toolchain.stack.environment import StackEnvironment
from toolchain.stack.pulumi import STACK, Pulumi
from toolchain.stack.salt import settle


@dataclass(frozen=True)
class Place:
    """One stack, and everything that is needed to work on it.

    Attributes:
        stack: its name.
        config: its configuration file.
        variables: the environment of `pulumi`.
        environment: the checkout's own, or None where the user's own programs and backend are used.
    """

    stack: str
    config: Path
    variables: Mapping[str, str]
    environment: StackEnvironment | None

    @property
    def project(self) -> Path:
        """The folder of Pulumi.yaml."""
        return paths.CHECKOUT

    @property
    def namespace_suffix(self) -> str:
        """What follows the prefix in the name of the models' namespace."""
        return "-models"

    def program(self) -> Path:
        """The engine.

        Raises:
            CliError: there is none.
        """
        found = shutil.which("pulumi", path=self.variables.get("PATH"))
        if found is None:
            raise CliError("there is no pulumi here", "run `make up`, or put pulumi on PATH", code=Exit.UNREACHABLE)
        return Path(found)

    def context(self, settings: Settings) -> KubeContext:
        """The cluster that the stack goes to, the primary one of several; talks to nobody.

        Raises:
            KubeContextError: the kubeconfig has it not.
        """
        return self.parts(settings)[0][0]

    def parts(self, settings: Settings) -> list[tuple[KubeContext, Settings]]:
        """Each cluster that can be reached, the primary one first, with the settings of what is to be seen from there.

        Servers that run elsewhere are seen from the primary one.

        Raises:
            KubeContextError: the kubeconfig has not all of them.
            CliError: Cluster API is still making the only one.
        """
        paths = kubeconfig_paths(environment=self.variables)
        reachable = [one for one in settings.all_clusters if one.reachable]
        if not reachable:
            raise CliError("none of the stack's clusters can be reached yet", "name the context of one in its settings")
        return [
            (
                load(cluster.context, paths=paths),
                settings.model_copy(
                    update={
                        "servers": tuple(
                            one
                            for one in settings.servers
                            if (settings.cluster_of(one) if one.url is None else reachable[0]) == cluster
                        )
                    }
                ),
            )
            for cluster in reachable
        ]

    def make_stack(self) -> None:
        """Make the stack's record, where the checkout's own backend lacks it.

        Raises:
            CliError: it is a stack of the user's own backend or has its file elsewhere: then they make it.
            PulumiError: it cannot be made.
        """
        if self.environment is None or self.config != _config(self.stack):
            raise CliError(f"there is no stack `{self.stack}` yet", f"make it with `pulumi stack init {self.stack}`")
        Pulumi(self.environment, self.stack).init()

    def tidy(self) -> None:
        """Clear away what a command of the engine has left."""
        if self.environment is not None:
            self.environment.clear_temporary()
        # The engine writes the salt where it finds none.
        settle(self.config)


def find(stack: str | None, config: Path | None) -> Place:
    """The stack that is meant.

    Args:
        stack: its name; the one that `make up` deployed where None, else `dev`.
        config: its file; `Pulumi.<stack>.yaml` of the checkout where None.
    """
    session = Session.load()
    environment = None if session is None else session.environment()
    variables = dict(os.environ) if environment is None else environment.variables(os.environ)
    # kubectl is started by the components where the settings want a port-forward.
    os.environ.update({key: variables[key] for key in ("PATH", "KUBECONFIG") if key in variables})
    name = stack if stack is not None else STACK if session is None else session.stack
    return Place(name, _config(name) if config is None else config.absolute(), variables, environment)


def _config(stack: str) -> Path:
    return paths.CHECKOUT / f"Pulumi.{stack}.yaml"
