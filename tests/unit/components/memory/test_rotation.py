"""Turns of the two users: the one that is signed in as is fresh, the other one's password stays.

Not proved: that the database and Redis hold both, which the test on the real cluster shows.
"""

from hypothesis import given
from hypothesis import strategies as st

from components.memory.rotation import active, made_for

generations = st.integers(min_value=0, max_value=10**9)


@given(generations)
def test_the_active_user_has_a_new_password_and_the_other_keeps_its_own(generation: int) -> None:
    now, before = active(generation + 1), active(generation)
    assert now != before
    assert made_for(now, generation + 1) == generation + 1
    assert made_for(before, generation + 1) == made_for(before, generation) == generation


@given(generations)
def test_each_generation_changes_one_password(generation: int) -> None:
    changed = [user for user in (0, 1) if made_for(user, generation) != made_for(user, generation + 1)]
    assert changed == [active(generation + 1)]
