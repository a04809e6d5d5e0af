"""A series is begun while numbers of it are taken."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.databases import at_once
from tests.orders.till import Till, line
from tillbook.common.actor import Actor
from tillbook.credit.queries import credits_of
from tillbook.events.models import Event
from tillbook.numbering.services import NumberGiven, next_numbers, start
from tillbook.orders.models import Payment

pytestmark = pytest.mark.usefixtures("own_database")


def test_twenty_payments_at_once_get_each_number_once_before_or_after(
    own_database: None, now: datetime
) -> None:
    till = Till(Actor.system("test"), now)
    first = {name: number - 1_000 for name, number in next_numbers().items()}  # the rows' own
    orders = [till.place(line(500)) for _ in range(20)]
    pays = [lambda order=order: till.pay(order, 700) for order in orders]
    begins = [lambda: start({"credit": 20_001, "payment": 20_001}, actor=till.staff, now=now)] * 2
    answers = at_once([*pays[:10], *begins, *pays[10:]])
    refused = [each for each in answers if isinstance(each, Exception)]
    assert [type(each) for each in refused] in ([], [NumberGiven]), (
        "the second, where a number was taken since"
    )
    for name, given in (
        ("credit", [each.id for each in credits_of(till.customer.pk)]),
        ("payment", [each.pk for each in Payment.objects.all()]),
    ):
        assert len(given) == len(set(given)) == 20
        old = range(first[name], first[name] + 20)
        assert all(each in old or each > 19_000 for each in given), "an old number or one above the start"
    assert next_numbers()["credit"] >= 20_001
    assert Event.objects.filter(action="settings.changed").count() == 1, "the second moved nothing"
