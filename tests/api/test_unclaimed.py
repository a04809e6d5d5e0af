"""A shop's program lists what nobody took, says what was received, and takes the rest back."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from tests.api.conftest import gbp, refused, told
from tillbook.common.actor import Scope
from tillbook.events.models import Event
from tillbook.refunds.models import Refund
from tillbook.shop.policies import shop

pytestmark = pytest.mark.django_db


def today() -> str:
    return timezone.localdate().isoformat()


@pytest.fixture
def customer(program, customer):
    gift = {"customer": "jo", "amount": gbp("50.00"), "reason": "deposit", "refundable": True}
    told(program.post("/credits", gift), 201)
    return customer


def ask(program, amount: str = "12.34", method: str = "cheque") -> str:
    payee = {"name": "Jo Day"} | ({"postal_address": "1 Mill Lane"} if method == "cheque" else {})
    body = {
        "customer": "jo", "amount": gbp(amount), "method": method, "payment_date": today(), "payee": payee,
    }  # fmt: skip
    return told(program.post("/refunds", body), 201)["number"]


def complete(program, refund: str, **body: object) -> dict:
    return told(program.post(f"/refunds/{refund}/complete", body))


def age(days: int) -> None:
    """Let time pass: what happened is so many of the shop's days ago now, whatever the clocks did since."""
    for refund in Refund.objects.all():
        paid = refund.completed_at and _before(refund.completed_at, days)
        asked = _before(refund.requested_at, days)
        Refund.objects.filter(pk=refund.pk).update(completed_at=paid, requested_at=asked)


def _before(moment: datetime, days: int) -> datetime:
    return moment.astimezone(shop().time_zone) - timedelta(days=days)


def listed(program, **query: object) -> list[tuple[str, str, int, bool]]:
    rows = told(program.get("/unclaimed", **query))["items"]
    return [(each["refund"], each["state"], each["days"], each["stale"]) for each in rows]


def test_a_cheque_is_numbered_presented_and_no_longer_listed(program, customer):
    refund = ask(program)
    assert complete(program, refund)["cheque_number"] == ""
    numbered = told(program.post(f"/refunds/{refund}/cheque", {"cheque_number": "000123"}))
    assert (numbered["cheque_number"], numbered["received_on"]) == ("123", None)
    assert listed(program) == [(refund, "out", 0, False)]
    received = told(program.post(f"/refunds/{refund}/receive", {}))
    assert received["received_on"] == today()
    assert listed(program) == []
    assert refused(program.post(f"/refunds/{refund}/cheque", {"cheque_number": "5"})) == (409, "wrong_state")


def test_cash_is_received_with_its_completion(program, customer):
    refund = complete(program, ask(program, method="cash"), received_on=today())
    assert (refund["received_on"], listed(program)) == (today(), [])


def test_the_list_goes_on_though_what_it_showed_was_completed_or_received(program, customer):
    asked = [ask(program, f"{each}.00") for each in range(1, 7)]
    age(91)
    seen: list[str] = []
    cursor = None
    for step in range(6):
        page = told(program.get("/unclaimed", limit=1, stale=True, **({"cursor": cursor} if cursor else {})))
        (row,) = page["items"]
        seen.append(row["refund"])
        complete(program, row["refund"], **({"received_on": today()} if step % 2 else {}))
        cursor = page["next_cursor"]
    assert (seen, cursor) == (asked, None)
    assert refused(program.get("/unclaimed", cursor="RF-1001")) == (409, "invalid_input")


def test_stale_ones_are_listed_by_page_and_cancelled_each_by_itself(program, customer):
    out, waiting, declined = (ask(program, f"{each}.00") for each in range(1, 4))
    complete(program, out)
    told(program.post(f"/refunds/{declined}/decline", {"reason": "No"}))
    age(91)
    fresh = ask(program, "4.00")
    everything = [(waiting, "waiting", 91, True), (out, "out", 91, True), (fresh, "waiting", 0, False)]
    assert sorted(listed(program)) == sorted(everything)
    first = told(program.get("/unclaimed", limit=1, stale="true"))
    second = told(program.get("/unclaimed", limit=1, stale="true", cursor=first["next_cursor"]))
    assert second["next_cursor"] is None
    numbers = {each["items"][0]["refund"] for each in (first, second)}
    assert numbers == {out, waiting}

    items = [{"refund": each} for each in (out, waiting, declined, fresh, "RF-99999")]
    for _ in range(2):
        outcomes = told(program.send("POST", "/refunds:cancel", {"items": items}))["outcomes"]
        codes = [(each["status"], each["problem"] and each["problem"]["code"]) for each in outcomes]
        assert codes == [
            (200, None), (200, None), (409, "wrong_state"), (409, "not_stale"), (404, "refund_not_found"),
        ]  # fmt: skip
    assert Event.objects.filter(action="refund.failed").count() == 2
    cancelled = told(program.get(f"/refunds/{out}"))
    assert (cancelled["status"], cancelled["unclaimed"]) == ("failed", True)
    assert told(program.get("/customers/jo/balances"))["balances"] == [
        {"available": gbp("46.00"), "held": gbp("4.00"), "owing": gbp("0.00")}
    ]


def test_one_is_cancelled_once_under_its_key_and_without_it(program, customer):
    refund = ask(program)
    complete(program, refund)
    assert refused(program.post(f"/refunds/{refund}/cancel", {})) == (409, "not_stale")
    age(91)
    for key in ("a", "a", "b"):
        cancelled = told(program.post(f"/refunds/{refund}/cancel", {"note": "Stopped"}, key=key))
        assert cancelled["fail_reason"].endswith("Stopped")
    assert Event.objects.filter(action="refund.failed").count() == 1


def test_as_of_an_earlier_day_it_is_what_it_was_then(program, customer):
    refund = ask(program)
    age(10)
    then = (timezone.localdate() - timedelta(days=5)).isoformat()
    complete(program, refund, received_on=today())
    assert listed(program) == []
    assert listed(program, as_of=then) == [(refund, "waiting", 5, False)]
    assert refused(program.get("/unclaimed", as_of="2999-01-01")) == (409, "invalid_input")


@pytest.mark.parametrize("scope", [Scope.READ, Scope.CREDIT, Scope.ORDERS])
def test_keys_for_something_else_change_nothing(program, new_program, admin_actor, customer, scope: Scope):
    refund = ask(program)
    complete(program, refund)
    age(91)
    other = new_program(admin_actor, scope)
    for path, body in [("cancel", {}), ("receive", {}), ("cheque", {"cheque_number": "1"})]:
        assert refused(other.post(f"/refunds/{refund}/{path}", body)) == (403, "permission_denied")
    batch = other.send("POST", "/refunds:cancel", {"items": [{"refund": refund}]})
    assert refused(batch) == (403, "permission_denied")
    assert Refund.objects.get().status == "completed"


def test_staff_may_not_either(program, new_program, staff_actor, customer):
    refund = ask(program)
    complete(program, refund)
    age(91)
    staff = new_program(staff_actor, Scope.REFUNDS)
    assert refused(staff.post(f"/refunds/{refund}/cancel", {})) == (403, "permission_denied")
    batch = staff.send("POST", "/refunds:cancel", {"items": [{"refund": refund}]})
    assert refused(batch) == (403, "permission_denied")
    assert listed(staff) == [(refund, "out", 91, True)]
