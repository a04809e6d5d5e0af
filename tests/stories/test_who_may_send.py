"""The table of policies, people and edges for refunds through a gateway: each cell pays once, or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from tests.cli.conftest import run  # noqa: F401  a fixture
from tests.conftest import _user_actor
from tests.payouts.gate import Gate, states
from tests.payouts.stripe_server import Stripe
from tests.stories.test_who_may_pay import RULES, TABLE, Edges
from tillbook.common.actor import Actor, Role
from tillbook.events.models import Event
from tillbook.payouts.models import Sending
from tillbook.refunds.approvals import Flag, approve
from tillbook.refunds.models import Refund

pytestmark = [pytest.mark.django_db, pytest.mark.alike]


class EdgesOfSending(Edges):
    """Each way to send one refund through its gateway."""

    verb, page_verb = "send", "pay"


@pytest.mark.parametrize("edge", ["page", "bulk", "api", "command"])
@pytest.mark.parametrize(
    ("cell", "allowed"),
    TABLE,
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_each_cell(
    edge: str,
    cell: tuple[str, int, int, str],
    allowed: bool,
    run: Any,  # noqa: F811
    now: datetime,
    settings: Any,
    stripe_server: Stripe,
    django_capture_on_commit_callbacks: Any,
) -> None:
    rules, minor, given, name = cell
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, approval_rules=RULES[rules])
    system = Actor.system("test")
    roles = {"viewer": Role.VIEWER, "staff": Role.STAFF, "admin": Role.ADMIN, "asker": Role.ADMIN}
    who = _user_actor(name, roles[name], system, now)
    asker = who if name == "asker" else _user_actor("clerk", Role.STAFF, system, now)
    gate = Gate(asker, system, now)
    gate.use_stripe(stripe_server)
    refund = gate.refund(stripe_server.pay(2_000_00)[0], minor, paid=2_000_00)
    for place in range(given):
        other = _user_actor(f"other{place}", Role.ADMIN, system, now)
        approve(refund.pk, acknowledged=list(Flag), actor=other, now=now)
    events = Event.objects.filter(subject=refund.number).count()
    figures = gate.figures

    with django_capture_on_commit_callbacks(execute=True):
        getattr(EdgesOfSending(run, now), edge)(refund, who)

    if allowed:
        assert states(refund) == ("completed", "succeeded")
        assert [each["amount"] for each in stripe_server.refunds()] == [minor]
        return
    assert Refund.objects.get(pk=refund.pk).status in ("requested", "approved")
    assert not Sending.objects.exists()
    assert gate.figures == figures
    assert Event.objects.filter(subject=refund.number).count() == events
    assert stripe_server.sent == []
