"""Container images made on this machine from its own binaries and Debian packages, under the upstream names.

The local node pulls ``docker.io/ollama/ollama`` and the like as any cluster
does; its registry mirror answers with what this package put there.
"""

from toolchain.images.build import Pushed, build_and_push, missing, prefetch
from toolchain.images.errors import ImageError
from toolchain.images.listing import images, memory_images, monitoring_images, traces_images
from toolchain.images.spec import Binary, ImageSpec, Tools

__all__ = [
    "Binary",
    "ImageError",
    "ImageSpec",
    "Pushed",
    "Tools",
    "build_and_push",
    "images",
    "memory_images",
    "missing",
    "monitoring_images",
    "prefetch",
    "traces_images",
]
