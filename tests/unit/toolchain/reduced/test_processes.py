"""What runs: everything on loopback, nothing that needs root, and a restart wherever configuration changed.

Not proved: that the programs take these options (tests/reduced does).
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from model_store.config import parse
from toolchain.node.spec import Process
from toolchain.reduced import configuration, ports
from toolchain.reduced.errors import ReducedError
from toolchain.reduced.layout import REQUIRED_TOOLS, ReducedLayout
from toolchain.reduced.processes import all_processes
from toolchain.reduced.spec import SupervisorSpec
from toolchain.reduced.status import checks

PORTS = {name: 20000 + index for index, name in enumerate(ports.OWNERS)}


@pytest.fixture
def layout(tmp_path: Path) -> ReducedLayout:
    found = ReducedLayout(tmp_path / "state", "0123abcd", {name: tmp_path / name for name in REQUIRED_TOOLS})
    configuration.make_folders(found)
    return found


def by_name(layout: ReducedLayout) -> dict[str, Process]:
    return {process.name: process for process in all_processes(layout, PORTS)}


def test_every_address_is_loopback(layout: ReducedLayout) -> None:
    pod_and_service_ranges = {"10.244.0.0", "10.96.0.0"}
    for process in by_name(layout).values():
        text = " ".join((*process.argv, *process.env.values()))
        found = set(re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", text)) - pod_and_service_ranges
        assert found <= {"127.0.0.1"}, process.name
        assert not process.host_net


def test_every_port_has_its_process_and_a_health_check_knows_it(layout: ReducedLayout) -> None:
    processes = by_name(layout)
    assert set(ports.OWNERS.values()) | {"volumes"} == set(processes)
    configuration.put(layout.config / "store.json", configuration.store_config(layout, PORTS[ports.STORE]))
    for name, owner in ports.OWNERS.items():
        text = " ".join((*processes[owner].argv, *processes[owner].env.values()))
        if name == ports.STORE:
            text = (layout.config / "store.json").read_text()
        assert str(PORTS[name]) in text, name
    assert set(checks(PORTS)) == set(ports.OWNERS.values())


def test_all_that_is_written_is_below_the_state(layout: ReducedLayout) -> None:
    kept = str(layout.state)
    for process in by_name(layout).values():
        for option in process.argv[1:]:
            value = option.partition("=")[2]
            if value.startswith("/"):
                assert value.startswith(kept), option
    assert by_name(layout)["ollama"].env["OLLAMA_MODELS"].startswith(kept)


def test_a_changed_certificate_or_store_config_restarts_its_readers(layout: ReducedLayout) -> None:
    before = by_name(layout)
    (layout.pki / "ca.crt").write_text("new")
    (layout.config / "store.json").write_text("{}")
    after = by_name(layout)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "volumes", "store"}


def test_the_store_takes_its_config(layout: ReducedLayout) -> None:
    found = parse(configuration.store_config(layout, 20001), "store.json")
    assert found.address == ("127.0.0.1", 20001)
    assert found.open_uploads
    assert found.root == layout.store


def test_missing_programs_are_all_named(layout: ReducedLayout) -> None:
    with pytest.raises(ReducedError, match=", ".join(REQUIRED_TOOLS)):
        configuration.check(layout)


def test_folders_and_files_are_the_user_s_alone(layout: ReducedLayout) -> None:
    file = layout.config / "secret"
    configuration.put(file, "x")
    assert file.stat().st_mode & 0o077 == 0
    assert all(folder.stat().st_mode & 0o077 == 0 for folder in layout.folders)


def test_the_spec_survives_its_file(layout: ReducedLayout) -> None:
    spec = SupervisorSpec("code", "/run", "/logs", all_processes(layout, PORTS))
    assert SupervisorSpec.from_json(spec.to_json()) == spec
