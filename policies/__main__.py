"""What the engine runs: `pulumi preview --policy-pack policies`."""

import sys
from pathlib import Path

# The folder itself is first on the path when Python runs it, and its modules (`models`, `network`) would be taken for
# others of their names; what is imported is the package.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from policies.server import serve

if __name__ == "__main__":
    serve()
