"""The digest of what is asked for is the same by whichever way it is made."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbook.common.money import Money
from tillbook.events.services import content_maker, content_of
from tillbook.ledger.models import House

ZONES = st.sampled_from([UTC, timezone(timedelta(hours=10)), timezone(timedelta(hours=-5))])
PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(), st.dates(), st.datetimes(timezones=ZONES),
    st.sampled_from(House), st.builds(Money, st.integers(0, 10**15), st.sampled_from(["GBP", "JPY"])),
)  # fmt: skip
VALUES = PLAIN | st.lists(PLAIN, max_size=3) | st.dictionaries(st.text(), PLAIN, max_size=3)


@given(fields=st.dictionaries(st.from_regex(r"\A[a-z_]{1,12}\Z"), VALUES, max_size=6), action=st.text())
def test_made_by_thousands_it_is_the_same(fields: dict[str, Any], action: str) -> None:
    one = {name: value for name, value in fields.items() if name != "action"}
    maker = content_maker(action, list(one))
    assert maker(list(one.values())) == content_of(action, **one)


@pytest.mark.parametrize(
    "value", [1.5, (1, 2), "50 % off", "%s", 'ü"\\\n', date(2026, 3, 2), datetime(2026, 3, 2, tzinfo=UTC)]
)
def test_so_it_is_of_odd_values(value: object) -> None:
    assert content_maker("a.b", ["z", "a"])([value, 1]) == content_of("a.b", z=value, a=1)
