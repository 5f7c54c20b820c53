"""What is refused of a wanted list before any server is asked.

Proves: every rule, all faults at once, and that the entries of a wanted list mean what they say. Does not prove that
Ollama agrees on parameters; tests/ollama makes models with them.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollama import WantedModel, check_wanted, wanted_of
from ollama.document import Pull, Recipe, WantedEntry
from ollama.order import bases_first
from ollama.settings import PARAMETERS, keep_alive_fault, parameter_faults, unloads_at_once, wire_keep_alive

PULLED = WantedModel("base:1", "base:1")


def said(*wanted: WantedModel) -> list[str]:
    return [f"{fault.model}: {fault.message}" for fault in check_wanted(wanted, "chat-0")]


def made(name: str = "mine:1", **recipe: Any) -> WantedModel:
    return WantedModel(name, create=Recipe.model_validate({"from_model": "base:1", **recipe}))


def test_what_is_right() -> None:
    assert (
        said(
            PULLED,
            made(
                system="s", quantize="Q4_k_m", parameters={"stop": ("a",), "num_gpu": -1, "temperature": 1, "seed": 3.0}
            ),
            made("other:1", from_model="ALIAS:1", adapter="/a"),
            WantedModel(
                "files:1", create=Recipe(files="/models/x"), aliases=("alias:1",), preload=True, keep_alive="-1"
            ),
        )
        == []
    )


def test_all_faults_at_once() -> None:
    recipe = Recipe(from_model="none:1", files="rel/x", adapter="y", system="", quantize="q5_K_M", parameters={"a": 1})
    faults = said(
        PULLED,
        WantedModel("mine:1", create=recipe, digest="12", keep_alive="1 day", aliases=("BASE:1", "b c", "x:cloud")),
        WantedModel("echorator-previous/x"),
    )
    assert [fault.split(" (")[0][:64] for fault in faults] == [
        "BASE:1: wanted twice, as `base:1` and as `BASE:1`",
        "b c: alias: not a model's name: the model `b c` has characters t",
        "x:cloud: alias: the tag `cloud` means a model that runs on Ollam",
        "mine:1: not a digest: `12`",
        "mine:1: keep_alive `1 day` is no time: write seconds, a duration",
        "mine:1: create: give exactly one of `from` and `files`, not both",
        "mine:1: create: the base `none:1` is not among the models of thi",
        "mine:1: create: files `rel/x` is not an absolute path",
        "mine:1: create: adapter `y` is not an absolute path",
        "mine:1: create: system is empty, which Ollama takes for not give",
        "mine:1: create: quantize `q5_K_M` is not one that Ollama makes; ",
        "mine:1: create: parameter `a` is not known; legal are frequency_",
        "echorator-previous/x: name: names in `echorator-previous/` are f",
        "echorator-previous/x: give exactly one of what is pulled and how",
    ]


def test_one_source_and_one_only() -> None:
    assert "not neither" in said(WantedModel("a:1"))[0]
    assert "not both" in said(WantedModel("a:1", "a:1", create=Recipe(files="/x")))[0]
    assert said(WantedModel("a:1", create=Recipe())) == [
        "a:1: create: give exactly one of `from` and `files`, not neither"
    ]


def test_circles_are_named() -> None:
    wanted = [
        made("a:1", from_model="b:1"),
        made("b:1", from_model="c:1"),
        WantedModel("c:1", create=Recipe(from_model="A:1"), aliases=("d:1",)),
        made("e:1", from_model="d:1"),
        WantedModel("f:1", create=Recipe(from_model="g:1"), aliases=("g:1",)),
    ]
    assert said(*wanted) == [
        "a:1: made of itself: a:1 -> b:1 -> c:1 -> a:1",
        "f:1: made of itself: f:1 -> f:1",
    ]


def test_a_preload_that_unloads_at_once_is_refused() -> None:
    for text in ("0", "0s", "0h0m", "-0"):
        assert "unloads the model at once" in said(WantedModel("a:1", "a:1", preload=True, keep_alive=text))[0]
        assert said(WantedModel("a:1", "a:1", keep_alive=text)) == []


@pytest.mark.parametrize("text", ["5m", "1h30m", "24h", "-1", "300", "0.5", "-1m", "1", "1.5h", "100ms", "+2s"])
def test_times_that_ollama_takes(text: str) -> None:
    assert keep_alive_fault(text) is None
    assert not unloads_at_once(text)


@pytest.mark.parametrize("text", ["", "m", "1d", "5 m", "h5", "\u0663m", "1e3", "--1", "for ever"])
def test_times_that_ollama_refuses(text: str) -> None:
    assert keep_alive_fault(text) is not None


def test_a_number_is_sent_as_one() -> None:
    assert wire_keep_alive("-1") == -1.0
    assert wire_keep_alive("-1m") == "-1m"


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"num_ctx": 1.5}, "`num_ctx` must be a whole number"),
        ({"num_ctx": "128"}, "`num_ctx` must be a number, not '128'"),
        ({"temperature": True}, "`temperature` must be a number, not True"),
        ({"use_mmap": 1}, "`use_mmap` must be true or false"),
        ({"stop": 3}, "`stop` must be a text or a list"),
        ({"mirostat": 1}, "`mirostat` is not known; legal are"),
        ({"seed": float("inf")}, "`seed` must be a number, not inf"),
        ({"top_p": float("nan")}, "`top_p` must be a number, not nan"),
    ],
)
def test_parameters(parameters: dict[str, Any], says: str) -> None:
    (fault,) = parameter_faults(parameters)
    assert says in fault


@given(
    st.dictionaries(st.sampled_from(PARAMETERS) | st.text(), st.booleans() | st.integers() | st.floats() | st.text())
)
def test_no_parameter_breaks_the_check(parameters: dict[str, Any]) -> None:
    for fault in parameter_faults(parameters):
        assert fault.startswith("parameter `")


def test_an_entry_means_what_it_says() -> None:
    entry = WantedEntry(
        name="a:1",
        pull=Pull(source="s/l/a:1", insecure=True),
        digest="sha256:" + "a" * 64,
        aliases=("b:1",),
        preload=True,
        keep_alive="1h",
        retain=True,
    )
    assert wanted_of(entry) == WantedModel(
        "a:1", "s/l/a:1", entry.digest, insecure=True, aliases=("b:1",), preload=True, keep_alive="1h", retain=True
    )
    recipe = Recipe(files="/x")
    assert wanted_of(WantedEntry(name="a:1", create=recipe)) == WantedModel("a:1", create=recipe)
    both = wanted_of(WantedEntry(name="a:1", create=recipe, pull=Pull(source="a:1")))
    assert "not both" in check_wanted([both])[0].message


@given(st.lists(st.integers(-1, 7), min_size=1, max_size=8))
def test_bases_come_first_and_each_model_once(bases: list[int]) -> None:
    """Item n is made of item bases[n], of nothing when that is -1; circles are allowed here."""
    count = len(bases)
    wanted = [made(f"m{at}:1", from_model=f"m{base % count}:1") if base >= 0 else WantedModel(f"m{at}:1", "x:1")
              for at, base in enumerate(bases)]  # fmt: skip
    order = bases_first(wanted)
    assert sorted(order) == list(range(count))
    if not check_wanted(wanted):
        place = {at: position for position, at in enumerate(order)}
        assert all(base < 0 or place[base % count] < place[at] for at, base in enumerate(bases))
