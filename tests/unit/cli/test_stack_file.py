"""The stack's file is written whole or not at all, and never with settings that a deploy would refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.exits import CliError, Exit, UsageError
from cli.stack_file import SERVERS, StackFile
from cli.yaml_text import YamlText
from components.settings.stack import SettingsError

TEXT = "config:\r\n  echorator:servers:\r\n    - {name: chat, class: small, models: [{name: m}]}\r\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "Pulumi.test.yaml"
    found.write_bytes(TEXT.encode())
    found.chmod(0o640)
    return found


def files(path: Path) -> list[str]:
    return [one.name for one in path.parent.iterdir()]


def test_what_is_read_and_written_back_is_the_same_bytes(path: Path) -> None:
    file = StackFile.read(path)
    assert not file.is_changed
    assert file.write() == file
    assert path.read_bytes() == TEXT.encode()


def test_a_change_is_written_in_one_step_with_the_file_s_mode(path: Path) -> None:
    file = StackFile.read(path)
    changed = file.changed(file.yaml.set((*SERVERS, 0, "replicas"), 2))
    before = path.stat()
    written = changed.write()
    assert path.read_bytes() == TEXT.replace("}]}", "}], replicas: 2}").encode()
    assert path.stat().st_mode == before.st_mode
    assert path.stat().st_ino != before.st_ino
    assert files(path) == [path.name]
    assert not written.is_changed
    assert changed.diff()[-2:] == [
        "-    - {name: chat, class: small, models: [{name: m}]}",
        "+    - {name: chat, class: small, models: [{name: m}], replicas: 2}",
    ]


def test_a_link_stays_a_link(path: Path) -> None:
    link = path.with_name("Pulumi.link.yaml")
    link.symlink_to(path)
    file = StackFile.read(link)
    file.changed(file.yaml.set(("config", "echorator:environment"), "dev")).write()
    assert link.is_symlink()
    assert "echorator:environment: dev" in path.read_text()


def test_what_somebody_else_wrote_meanwhile_is_not_overwritten(path: Path) -> None:
    file = StackFile.read(path)
    path.write_text("config: {}\n")
    with pytest.raises(CliError, match="changed meanwhile"):
        file.changed(YamlText("config:\n  echorator:environment: dev\n")).write()
    assert path.read_text() == "config: {}\n"
    assert files(path) == [path.name]


def test_a_new_file_is_made(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.new.yaml"
    with pytest.raises(UsageError, match="no stack configuration"):
        StackFile.read(path)
    file = StackFile.read(path, must_exist=False)
    file.changed(file.yaml.set(("config", "echorator:environment"), "dev")).write()
    assert path.read_text() == "config:\n  echorator:environment: dev\n"


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    file = StackFile.read(tmp_path / "nowhere" / "Pulumi.x.yaml", must_exist=False)
    with pytest.raises(CliError, match="cannot write"):
        file.changed(YamlText("config: {}\n")).write()


def test_every_fault_of_the_new_settings_is_found() -> None:
    servers = "  echorator:servers:\n    - {name: X, class: huge, storage: {secure: v1}}\n"
    text = f"config:\n  echorator:colour: green\n{servers}"
    file = StackFile(Path("Pulumi.x.yaml"), "", YamlText(text))
    with pytest.raises(SettingsError) as failure:
        file.settings()
    paths = {fault.path for fault in failure.value.faults}
    assert {"colour", "servers"} <= paths
    assert "without --secret" in str(failure.value)


def test_a_value_that_is_read_is_what_a_deploy_reads(path: Path) -> None:
    settings = StackFile.read(path).settings()
    assert [server.name for server in settings.servers] == ["chat"]
    assert settings.servers[0].models[0].name == "m"


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"config: [\n"])
def test_a_file_that_is_no_yaml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "Pulumi.x.yaml"
    path.write_bytes(content)
    with pytest.raises((CliError, SettingsError)) as failure:
        StackFile.read(path).settings()
    if isinstance(failure.value, CliError):
        assert failure.value.code is Exit.REFUSED
