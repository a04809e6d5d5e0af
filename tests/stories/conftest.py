from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.orders.till import Till
from tillbook.common.actor import Actor


@pytest.fixture
def till(staff_actor: Actor, now: datetime) -> Iterator[Till]:
    """A shop with one customer; after the test its book must verify."""
    till = Till(staff_actor, now)
    yield till
    till.check_book()
