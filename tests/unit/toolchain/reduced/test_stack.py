"""The stack's file is legal, keeps what a user changed, and always names today's ports.

Not proved: a deploy of it (tests/reduced does).
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from components.settings import stack as settings
from toolchain.paths import CHECKOUT
from toolchain.reduced import stack

PORTS = st.integers(20000, 31999)


@given(PORTS, PORTS)
def test_it_is_a_legal_configuration(ollama: int, store: int) -> None:
    config = yaml.safe_load(stack.render(ollama, store))["config"]
    values = {key.removeprefix("echorator:"): value for key, value in config.items() if key.startswith("echorator:")}
    found = settings.validate(values)
    assert [server.url for server in found.servers] == [f"http://127.0.0.1:{ollama}"]
    assert {model.source for model in found.servers[0].models} == {
        f"127.0.0.1:{store}/library/{name}" for name in ("smollm2:135m", "all-minilm:22m")
    }


def test_its_prefix_is_not_that_of_dev() -> None:
    dev = yaml.safe_load((CHECKOUT / "Pulumi.dev.yaml").read_text())["config"]
    own = yaml.safe_load(stack.render(1, 2))["config"]
    assert own["echorator:namespace"] != dev.get("echorator:namespace", "echorator")


@given(PORTS, PORTS, PORTS, PORTS)
def test_ports_follow_even_where_they_change_places(a: int, b: int, c: int, d: int) -> None:
    if a != b:
        assert stack.mended(stack.render(a, b), c, d) == stack.render(c, d)


def test_what_a_user_changed_stays(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.reduced.yaml"
    stack.write(file, 20001, 20002)
    edited = file.read_text() + "# mine: 10.0.0.1:20001 and 127.0.0.1:20001\n"
    file.write_text(edited)
    stack.write(file, 20003, 20002)
    assert file.read_text().endswith("# mine: 10.0.0.1:20001 and 127.0.0.1:20003\n")
    assert "url: http://127.0.0.1:20003" in file.read_text()
    before = file.stat().st_mtime_ns
    stack.write(file, 20003, 20002)
    assert file.stat().st_mtime_ns == before


def test_a_file_without_its_first_line_is_refused() -> None:
    with pytest.raises(ValueError, match="first line"):
        stack.mended("config: {}\n", 1, 2)


def test_forgetting_deletes_only_what_nobody_edited(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.reduced.yaml"
    assert stack.forget(file)
    stack.write(file, 20001, 20002)
    file.write_text(file.read_text() + "encryptionsalt: v1:abc\n")
    assert stack.forget(file)
    assert not file.exists()
    stack.write(file, 20001, 20002)
    file.write_text(file.read_text() + "encryptionsalt: v1:abc\n# mine\n")
    assert not stack.forget(file)
    # Its passphrase goes with the state, so the salt would answer every command with "incorrect passphrase".
    assert file.read_text() == stack.render(20001, 20002) + "# mine\n"
