"""The component provider `echorator`: Pulumi starts it where a program in another language uses the package."""

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parent.parent)
# This folder comes first otherwise, and the components are beside it.
sys.path[0] = ROOT

from pulumi.provider.experimental import component_provider_host  # noqa: E402

from components.model_servers import ModelServers  # noqa: E402

if __name__ == "__main__":
    component_provider_host(name="echorator", components=[ModelServers])
