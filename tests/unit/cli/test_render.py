"""Tables and lines at a fixed width, to the character, and what is drawn while an update runs."""

from __future__ import annotations

import io

from rich.console import Console, RenderableType

from cli.display import Bars, Plain, message
from cli.engine_events import Said, Step, Summary
from cli.phases import Phase, State
from cli.render import counts, diff_lines, models_table, servers_table, short, size, step_line
from cli.transfers import Transfers
from cli.view import Model, Replica, Server, View
from replica_agent.report import ReplicaReport
from tests.unit.cli import objects
from toolchain.status.diagnose import Problem

DIGEST = "sha256:" + "0123456789abcdef" * 4


def drawn(renderable: RenderableType, width: int = 100) -> str:
    """As a person sees it, without what trails behind."""
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def view(*problems: Problem) -> View:
    pulling = objects.report(objects.model("m:2", "Pulling", completed=20_000_000, total=98_000_000))
    replicas = [
        Replica("chat-0", State(Phase.READY)),
        Replica("chat-1", State(Phase.MODELS, "m:2 20.0 of 98.0 MB"), 2, ReplicaReport.model_validate(pulling)),
    ]
    models = [
        Model(
            name="m:1",
            source=None,
            wanted=DIGEST,
            found={"chat-0": DIGEST, "chat-1": DIGEST},
            phases={"chat-0": "Ready", "chat-1": "Ready"},
            size=98_000_000,
        ),
        Model(
            name="m:2",
            source="hf.co/a/b:Q4",
            wanted=None,
            found={"chat-0": DIGEST, "chat-1": None},
            phases={"chat-0": "Ready", "chat-1": "Pulling"},
            size=0,
        ),
    ]
    chat = Server("chat", State(Phase.SCALING, "1 of 2 replicas are Ready"), 2, None, replicas, models)
    url = "http://models.example:11434"
    away = Server("away", State(Phase.FAILED, "refused"), 1, url, [Replica(url, State(Phase.FAILED))], [])
    return View("dev", "x-models", [chat, away], list(problems))


def test_list() -> None:
    assert drawn(models_table(view())) == (
        "server  model  source        digest         on     size  phase\n"
        "chat    m:1                  0123456789ab  2/2  98.0 MB  Ready\n"
        "chat    m:2    hf.co/a/b:Q4  -             1/2        -  Pulling"
    )


def test_status() -> None:
    problem = Problem("server away", "refused", "see that it answers")
    assert drawn(servers_table(view(problem))) == (
        "server  replica    phase           models  restarts  why\n"
        "chat    1/2 Ready  Scaling                           1 of 2 replicas are Ready\n"
        "        chat-0     Ready           2/2            0\n"
        "        chat-1     ModelDeploying  1/2            2  m:2 20.0 of 98.0 MB\n"
        "away    0/1 Ready  Failed                            refused\n"
        "\n"
        "1 wrong:\n"
        "  server away: refused\n"
        "    to do: see that it answers"
    )


def test_nothing_is_configured() -> None:
    empty = View("dev", "x-models", [], [])
    assert drawn(models_table(empty)).startswith("No model is configured in stack dev.")
    assert drawn(servers_table(empty)).startswith("No server is configured in stack dev.")


def test_a_narrow_terminal_folds_and_loses_nothing() -> None:
    shown = drawn(models_table(view()), width=40).replace("\n", "")
    assert all(word in "".join(shown.split()) for word in ("m:1", "Ready", "hf"))


def test_numbers() -> None:
    assert [size(count) for count in (0, 999, 1000, 98_000_000, 4_700_000_000)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "98.0 MB",
        "4.7 GB",
    ]
    assert (short(None), short(DIGEST)) == ("-", "0123456789ab")
    assert counts({"create": 2, "update": 1}) == "2 to create, 1 to update"
    assert counts({}) == "nothing to change"


def test_lines() -> None:
    assert drawn(step_line("create", "StatefulSet", "chat")) == "+ create   StatefulSet chat"
    assert drawn(step_line("update", "Service", "chat", ["spec"])) == "~ update   Service chat  (spec)"
    assert drawn(step_line("create-replacement", "Service", "chat")) == "+ create-replacement Service chat"
    assert (
        drawn(diff_lines(["--- a", "+++ a", "@@ -1 +1 @@", "-x [red]", "+y"]))
        == "--- a\n+++ a\n@@ -1 +1 @@\n-x [red]\n+y"
    )


def test_what_is_said_and_what_is_not_shown() -> None:
    assert message(Said("debug", "x")) is None
    assert message(Said("info", "  ")) is None
    assert message(Said("info", "x", passing=True)) is None
    shown = [message(Said("error", "no [bold]", "chat")), message(Said("info", "yes", "chat"))]
    assert [None if one is None else one.plain for one in shown] == ["chat: no [bold]", "yes"]


def test_plain_lines_leave_out_what_stays_the_same() -> None:
    console = Console(width=100, file=io.StringIO(), color_system=None)
    with Plain(console, Transfers()) as shown:
        shown.event(Step("begun", "create", "Service", "chat"))
        shown.event(Step("done", "same", "Service", "chat"))
        shown.event(Step("done", "create", "Service", "chat"))
        shown.event(Step("failed", "update", "StatefulSet", "chat"))
        shown.event(Said("info", "chat-0: m:1 downloading 1.0 MB of 98.0 MB (1 %)", "chat-m:1"))
        shown.event(Summary({"create": 1}))
        shown.note("a word")
        shown.refresh()
    assert isinstance(console.file, io.StringIO)
    lines = [line.partition(" s  ")[2] or line for line in console.file.getvalue().splitlines()]
    assert lines == [
        "+ create   Service chat",
        "~ update   StatefulSet chat  failed",
        "chat-0: m:1 downloading 1.0 MB of 98.0 MB (1 %)",
        "a word",
    ]


def test_bars_take_lines_and_reports_and_end_full() -> None:
    console = Console(width=120, file=io.StringIO(), color_system=None, force_terminal=True, legacy_windows=False)
    transfers = Transfers()
    with Bars(console, transfers, 3) as shown:
        shown.event(Said("info", "chat-0: m:1 downloading 24.5 MB of 98.0 MB (25 %)", "chat-m:1"))
        shown.event(Said("info", "something else", "chat-m:1"))
        shown.event(Step("done", "create", "Service", "chat"))
        pulling = objects.model("m:2", "Pulling", completed=49_000_000, total=98_000_000)
        transfers.report(ReplicaReport.model_validate(objects.report(pulling, replica="chat-1")))
        shown.refresh()
        transfers.line("chat-0: m:1 ready, 98.0 MB in 3.2 s")
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "something else" in text
    assert "24.5 MB of" not in text
    assert "1 of 3 changes" in text
    last = [line.split() for line in text.splitlines()[-2:]]
    # The codes that take the moving bars away stand before the first of the lasting ones.
    assert last[0][0].endswith("chat-0")
    assert "98.0/98.0" in last[0]
    assert last[0][-1] == "ready"
    assert "49.0/98.0" in last[1]
    assert last[1][-1] == "pulling"
