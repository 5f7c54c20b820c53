"""What the engine runs: `pulumi preview --policy-pack policies`."""

import sys
from pathlib import Path

# The folder itself is first on the path when Python runs it, and its modules (`models`, `network`) would be taken for
# others of their names; what is imported is the package.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from policies.exceptions import ExceptionsError  # noqa: E402
from policies.server import serve  # noqa: E402

if __name__ == "__main__":
    try:
        serve()
    except ExceptionsError as error:
        # The engine shows what is written here; a traceback would hide it.
        sys.exit(str(error))
