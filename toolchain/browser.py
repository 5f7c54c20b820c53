"""A browser without a window, for the tests of the live view: Debian's, unpacked and never installed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolchain.images.spec import Debs
from toolchain.images.unpacked import unpacked

_PACKAGES = Debs(
    closed=("chromium-headless-shell", "fonts-dejavu-core"),
    # The machine's own C library starts it. The others serve a screen, a graphics card or the packages' set-up.
    dropped=(
        "at-spi2-common", "debconf", "fontconfig-config", "gcc-12-base", "libc6", "libdrm-amdgpu1", "libdrm-intel1",
        "libdrm-nouveau2", "libdrm-radeon1", "libelf1", "libedit2", "libgl1", "libgl1-mesa-dri", "libglapi-mesa",
        "libglx-mesa0", "libglx0", "libicu72", "libllvm15", "libpciaccess0", "libsensors-config", "libsensors5",
        "libxml2", "libz3-4", "sysvinit-utils", "x11-common", "x11-utils", "xdg-utils", "xkb-data",
    ),
)  # fmt: skip
_LIBRARIES = (
    "usr/lib/x86_64-linux-gnu",
    "usr/lib/x86_64-linux-gnu/nss",
    "usr/lib/x86_64-linux-gnu/pulseaudio",
    "lib/x86_64-linux-gnu",
)
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig><dir>{folder}/usr/share/fonts</dir><cachedir>{folder}/fonts-cache</cachedir></fontconfig>
"""


@dataclass(frozen=True)
class Browser:
    """How it is started."""

    program: Path
    environment: Mapping[str, str]
    """To be added to the process's own."""


def browser(cache: Path) -> Browser:
    """The browser, fetched and unpacked below the images' cache where it is not there (130 MB, a minute).

    Raises:
        ImageError: apt cannot fetch it, or a package cannot be read.
    """
    folder = unpacked(cache, _PACKAGES)
    fonts = folder / "fonts.conf"
    if not fonts.exists():
        fresh = fonts.with_suffix(f".{os.getpid()}")
        fresh.write_text(_FONTS.format(folder=folder))
        fresh.replace(fonts)
    return Browser(
        folder / "usr/lib/chromium/chromium-headless-shell",
        {
            "LD_LIBRARY_PATH": ":".join(str(folder / name) for name in _LIBRARIES),
            "FONTCONFIG_FILE": str(fonts),
        },
    )
