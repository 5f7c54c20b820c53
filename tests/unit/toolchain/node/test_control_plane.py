"""Proves that shared options name the given folders and ports, each once.

Not proved: that the programs take them (tests/integration and tests/reduced do).
"""

from __future__ import annotations

from collections import Counter

import pytest

from toolchain.node.control_plane import ControlPlane

PLANE = ControlPlane("/keys", "/config", "/logs")


@pytest.mark.parametrize(
    "options",
    [
        PLANE.etcd("127.0.0.1:2"),
        (*PLANE.api_server(1, "127.0.0.1:2"), *PLANE.request_headers(), *PLANE.audit()),
        PLANE.controller_manager(3, "/plugins"),
        PLANE.scheduler(4),
    ],
)
def test_no_option_is_given_twice_and_every_file_is_in_a_given_folder(options: tuple[str, ...]) -> None:
    names = Counter(option.partition("=")[0] for option in options)
    assert set(names.values()) == {1}
    files = [value for option in options if (value := option.partition("=")[2]).startswith("/")]
    assert files
    assert all(file.startswith(("/keys/", "/config/", "/logs/", "/plugins")) for file in files)


def test_a_port_is_given_only_where_one_is_chosen() -> None:
    assert "--secure-port=3" in PLANE.controller_manager(3, "/plugins")
    assert "--secure-port=4" in PLANE.scheduler(4)
    for options in (PLANE.controller_manager(None, "/plugins"), PLANE.scheduler(None)):
        assert not [option for option in options if option.startswith("--secure-port")]
