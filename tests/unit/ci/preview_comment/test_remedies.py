"""What to do about a violation stands apart from what is wrong; our own pack's checks all have a fix and a link."""

from ci.preview_comment.remedies import of_our_pack, split


def test_the_fix_is_taken_out_of_the_message() -> None:
    assert split("No limits.\nspec: has none\nWhy: x\nFix: set them\n") == (
        "No limits.\nspec: has none\nWhy: x\n",
        "set them",
    )
    assert split("Prefix: is no fix") == ("Prefix: is no fix", "")


def test_our_pack() -> None:
    known = of_our_pack()
    assert known["workload-privilege-escalation"].link.startswith("https://kubernetes.io/")
    assert [name for name, one in known.items() if not one.fix] == []
