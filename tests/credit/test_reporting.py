"""What is owed as of a moment, from transfers alone, whatever is written afterwards (R8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from django.db import connection
from django.db.models import F, Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from tests.credit import test_properties as credit_steps
from tests.orders import test_properties as shop_days
from tests.orders.till import Till, gbp, line
from tillbook.common.actor import Actor, Role
from tillbook.common.errors import InvalidInput, PermissionDenied
from tillbook.common.money import Money
from tillbook.credit import reporting, services
from tillbook.credit.basis import Basis, View, basis_at, day_end, day_start
from tillbook.credit.batch import Batch, Request
from tillbook.credit.models import Credit, GiveReason, ReverseReason
from tillbook.credit.reporting import Age, Expiry, Line, TransfersWithoutCredit
from tillbook.credit.terms import expiry_after
from tillbook.customers import services as customers
from tillbook.customers.models import Customer
from tillbook.events.services import content_of
from tillbook.importers.online_retail import import_file
from tillbook.ledger import services as ledger
from tillbook.ledger.book import Draft
from tillbook.ledger.models import Balance, House, Kind, Transfer
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund

SLICE = Path(__file__).parents[2] / "examples" / "online-retail-slice.csv"
ADMIN = Actor("admin", Role.ADMIN, "test", 2)
SYSTEM = Actor.system("test")
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)

Give = Callable[..., Credit]

pytestmark = pytest.mark.django_db


def as_of(moment: datetime, view: str = "effective", by: datetime | None = None) -> Basis:
    now = max(moment, by or moment)
    return basis_at(moment, view=view, recorded_by=by, now=now)


def owed(basis: Basis) -> tuple[int, int]:
    """Posted and held of all that the liability lists."""
    found = reporting.liability(basis, actor=ADMIN)
    return sum(each.posted for each in found), sum(each.held for each in found)


def parts(basis: Basis, name: str) -> dict[object, int]:
    """What is posted, by one field of the parts."""
    sums: Counter[object] = Counter()
    for each in reporting.liability(basis, actor=ADMIN):
        sums[getattr(each, name)] += each.posted
    return {key: minor for key, minor in sums.items() if minor}


def moved(from_at: datetime, basis: Basis) -> dict[Line, int]:
    sums: Counter[Line] = Counter()
    for each in reporting.roll_forward(from_at, basis, actor=ADMIN).moves:
        sums[each.line] += each.minor
    return dict(sums)


def replayed(basis: Basis) -> tuple[int, int]:
    """The same figures from each account's last running balance: only where the book's order is time's."""
    last = {
        row.account_id: (row.posted_minor, row.held_minor)
        for row in Transfer.objects.order_by("account_id", "seq")
        if row.recorded_at < min(basis.as_of, basis.recorded_by)
    }
    return sum(posted for posted, _ in last.values()), sum(held for _, held in last.values())


class TestRandomHistories(TestCase):
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(shop_days.steps, max_size=25), st.lists(st.integers(0, 26), min_size=2, max_size=4))
    def test_opening_and_moves_are_closing_and_the_next_opening(self, sequence, cuts):
        day = shop_days.Day()
        for step, *arguments in sequence:
            day.do({"return": "back"}.get(step, step), *arguments)
        end = day.till.now + SECOND
        moments = sorted({shop_days.NOW + cut * SECOND for cut in cuts if shop_days.NOW + cut * SECOND < end})
        for view in View:
            self._check_chain([*moments, end], view, end)
        balance = Balance.objects.get()
        assert owed(as_of(end)) == (balance.available_minor + balance.held_minor, balance.held_minor)

    def _check_chain(self, moments: list[datetime], view: View, by: datetime) -> None:
        before = (0, 0)
        opening_at = datetime(2000, 1, 1, tzinfo=UTC)
        for moment in moments:
            basis = as_of(moment, view, by)
            rolled = reporting.roll_forward(opening_at, basis, actor=ADMIN)
            after = owed(basis)
            assert after == replayed(basis)
            balances = list(reporting.balances(basis, actor=ADMIN))
            assert (sum(each.posted for each in balances), sum(each.held for each in balances)) == after
            sums = [(each.opening, each.held_at_opening) for each in rolled.standings] or [(0, 0)]
            assert sums == [before]
            moves = sum(each.minor for each in rolled.moves)
            sums = [(each.closing, each.held_at_closing) for each in rolled.standings] or [(0, 0)]
            assert sums == [(before[0] + moves, after[1])] == [after]
            assert [each for each in rolled.moves if each.line == Line.OTHER] == []
            before, opening_at = after, moment

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(credit_steps.steps, max_size=20))
    def test_an_old_report_stays_as_it_was_whatever_comes_after(self, sequence):
        model, book = credit_steps.Model(), credit_steps.Book()
        printed = []
        for number, (step, *arguments) in enumerate(sequence):
            book.wait(model, 1)
            credit_steps._STEPS[step](model, book, f"k{number}", *arguments)
            basis = as_of(book.now + SECOND / 2, ("effective", "recorded")[number % 2])
            printed.append((basis, self._print(basis)))
            assert owed(basis) == (sum(lot.left for lot in model.lots), sum(lot.held for lot in model.lots))
        for basis, pages in printed:
            assert self._print(basis) == pages

    def _print(self, basis: Basis) -> list[object]:
        rolled = reporting.roll_forward(basis.as_of - 4 * DAY, basis, actor=ADMIN)
        balances = list(reporting.balances(basis, actor=ADMIN))
        return [reporting.liability(basis, actor=ADMIN), balances, rolled]


def test_the_slice_of_a_real_shop_rolls_forward_month_by_month_to_its_projection() -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    import_file(SLICE, actor=SYSTEM, now=now)
    total = Balance.objects.aggregate(total=Sum(F("available_minor") + F("held_minor")))["total"]
    months = [date(2010, 12, 1), *(date(2011, month, 1) for month in range(1, 13)), date(2012, 1, 1)]
    closing, transfers = 0, 0
    for first, after in pairwise(months):
        basis = as_of(day_start(after), by=now + SECOND)
        rolled = reporting.roll_forward(day_start(first), basis, actor=ADMIN)
        for standing in rolled.standings:
            assert standing.opening == closing
            closing += sum(each.minor for each in rolled.moves)
            transfers += sum(each.transfers for each in rolled.moves)
            assert standing.closing == closing
        assert owed(basis) == (closing, 0)
    assert (closing, transfers) == (total, Transfer.objects.count())
    assert total > 0
    # All of it was written on one day: as the book said, nothing was owed before.
    assert owed(as_of(datetime(2012, 1, 1, tzinfo=UTC), "recorded", now + SECOND)) == (0, 0)
    assert owed(as_of(now + SECOND, "recorded")) == (total, 0)


@pytest.fixture
def till(staff_actor: Actor, now: datetime) -> Till:
    return Till(staff_actor, now)


def test_every_way_in_and_out_has_its_line(till: Till, admin_actor: Actor, now: datetime):
    first, second, third = (till.place(line(2000)) for _ in range(3))
    payment = till.pay(first, 2400)  # 4.00 too much
    till.pay(second, 2000)
    till.close(till.open_rma(second, till.back(second, 1, 700)))  # 7.00
    credit = {"customer_id": till.customer.pk}
    gift = {**credit, "reason": GiveReason.GOODWILL, "refundable": False}
    services.give(**gift, amount=gbp(300), expires_at=now + DAY, **till.by)
    wrong = services.give(**gift, amount=gbp(200), expires_at=None, **till.by)
    till.spend(third, 350)  # 3.00 of the gift, 0.50 of the first credit
    till.cancel(third)  # and back
    paid, asked = (
        refunds.request(
            **credit, amount=gbp(minor), method=Refund.Method.CASH, payee=refunds.Payee("Jo"),
            payment_date=date(2026, 3, 3), **till.by,
        )
        for minor in (450, 120)
    )  # fmt: skip
    refunds.complete(paid.pk, actor=admin_actor, now=now)  # 4.00 of the first, 0.50 of the return
    mistake = refunds.request_reversal(
        **credit, credit_id=wrong.id, reason=ReverseReason.DUPLICATE, **till.by
    )
    refunds.complete(mistake.pk, actor=admin_actor, now=now)
    till.void(payment)
    services.expire_due(actor=SYSTEM, now=now + 2 * DAY)

    basis = as_of(now + 3 * DAY)
    assert moved(now, basis) == {
        Line.ISSUED: 400 + 700 + 300 + 200,
        Line.SPENT: -350,
        Line.GIVEN_BACK: 350,
        Line.PAID_OUT: -450,
        Line.EXPIRED: -300,
        Line.REVERSED: -200,
    }
    assert owed(basis) == (650, 120)
    assert asked.status == "requested"
    [standing] = reporting.roll_forward(now, basis, actor=ADMIN).standings
    assert (standing.opening, standing.closing) == (0, 650)
    assert (standing.held_at_opening, standing.held_at_closing) == (0, 120)


def test_what_a_void_takes_back_is_reversed(till: Till, now: datetime):
    order = till.place(line(1000))
    payment = till.pay(order, 1400)
    till.void(payment)
    assert moved(now, as_of(now + SECOND)) == {Line.ISSUED: 400, Line.REVERSED: -400}
    assert owed(as_of(now + SECOND)) == (0, 0)


def test_a_capture_of_a_part_ends_the_whole_hold(given: Give, admin_actor: Actor, now: datetime):
    credit = given(500, "a")
    whole = {"customer_id": credit.customer_id, "actor": admin_actor}
    services.hold(**whole, amount=gbp(300), reference="N1", key="h", now=now + SECOND)
    services.capture(**whole, hold_key="h", amount=gbp(120), key="c", now=now + 2 * SECOND)
    assert owed(as_of(now + 2 * SECOND)) == (500, 300)
    assert owed(as_of(now + 3 * SECOND)) == (380, 0)
    assert moved(now, as_of(now + 3 * SECOND)) == {Line.ISSUED: 500, Line.SPENT: -120}


def test_a_transfer_that_fits_no_line_is_shown_as_other(given: Give, admin_actor: Actor, now: datetime):
    credit = given(500, "a")
    request = Request(credit.customer_id, "GBP", "odd", content_of("odd"), admin_actor, now)
    batch = Batch([request])
    batch.book.add(ledger.load([(credit.customer_id, credit.id)]))
    odd = [
        Draft(credit.id, Kind.POST, House.ADJUSTMENTS, True, 40, "odd", "N1"),
        Draft(credit.id, Kind.POST, House.RECEIPTS, True, 5, "odd", "N1"),  # its own house, but not its first
        Draft(credit.id, Kind.POST, House.PROMOTIONS, False, 15, "odd", "N1"),
    ]
    batch.post(request, odd)
    batch.write()
    assert moved(now, as_of(now + SECOND)) == {Line.ISSUED: 500, Line.OTHER: 30}
    assert owed(as_of(now + SECOND)) == (530, 0)


def test_what_is_recorded_late_counts_at_its_day_but_not_in_what_was_printed_before(
    till: Till, now: datetime
):
    march_2 = now
    till.now = now + 40 * DAY
    till.pay(till.place(line(1000)), 1400, received_at=march_2)
    printed, today = now + 10 * DAY, till.now + SECOND
    month = day_end(date(2026, 3, 31))
    assert owed(as_of(month, by=today)) == (400, 0)
    assert owed(as_of(month, by=printed + 20 * DAY)) == (0, 0)
    assert owed(as_of(month, "recorded", today)) == (0, 0)
    assert owed(as_of(today, "recorded")) == (400, 0)
    assert parts(as_of(today, "recorded"), "age") == {Age.TO_60: 400}  # it arose on 2 March


def test_the_manuals_example_is_true(till: Till, admin_actor: Actor):
    def at(month: int, day: int) -> datetime:
        return datetime(2026, month, day, 12, tzinfo=UTC)

    till.pay(till.place(line(1000)), 1400, received_at=till.now)
    till.now = at(3, 10)
    till.spend(till.place(line(500)), 150)
    till.now = at(3, 20)
    refund = refunds.request(
        customer_id=till.customer.pk, amount=gbp(100), method=Refund.Method.CASH, payee=refunds.Payee("Jo"),
        payment_date=date(2026, 4, 3), **till.by,
    )  # fmt: skip
    till.now = at(4, 3)
    refunds.complete(refund.pk, actor=admin_actor, now=till.now)
    till.pay(till.place(line(500)), 1000, received_at=at(3, 30))

    march = day_end(date(2026, 3, 31))
    early, late = day_end(date(2026, 4, 1)), day_end(date(2026, 4, 4))
    figures = {(view, by): owed(as_of(march, view, by)) for view in View for by in (early, late)}
    assert figures == {
        (View.EFFECTIVE, early): (250, 100),
        (View.EFFECTIVE, late): (750, 100),
        (View.RECORDED, early): (250, 100),
        (View.RECORDED, late): (250, 100),
    }
    for view, opening, moves in (
        (View.EFFECTIVE, 750, {Line.PAID_OUT: -100}),
        (View.RECORDED, 250, {Line.ISSUED: 500, Line.PAID_OUT: -100}),
    ):
        april = as_of(late, view, late)
        [standing] = reporting.roll_forward(march, april, actor=ADMIN).standings
        assert (standing.opening, standing.closing, standing.held_at_opening) == (opening, 650, 100)
        assert moved(march, april) == moves


def test_a_moment_is_exclusive(given: Give, now: datetime):
    given(500, "a")
    for view in View:
        assert owed(as_of(now, view, now + SECOND)) == (0, 0)
        assert owed(as_of(now + timedelta(microseconds=1), view)) == (500, 0)


@pytest.mark.parametrize(
    ("days", "age"),
    [
        (0, Age.TO_30), (30, Age.TO_30), (31, Age.TO_60), (60, Age.TO_60), (61, Age.TO_90), (90, Age.TO_90),
        (91, Age.TO_180), (180, Age.TO_180), (181, Age.TO_365), (365, Age.TO_365), (366, Age.OLDER),
    ],
)  # fmt: skip
def test_a_credit_is_as_old_as_the_calendar_of_the_shop_says(given: Give, now: datetime, days: int, age: Age):
    given(500, "a")  # on 2 March: clocks change before many of these days
    assert parts(as_of(day_end(date(2026, 3, 2) + days * DAY)), "age") == {age: 500}


@pytest.mark.parametrize(
    ("days", "expiry"),
    [
        (None, Expiry.NEVER), (0, Expiry.IN_7), (7, Expiry.IN_7), (8, Expiry.IN_30), (30, Expiry.IN_30),
        (31, Expiry.IN_90), (90, Expiry.IN_90), (91, Expiry.LATER),
    ],
)  # fmt: skip
def test_a_credit_expires_so_many_days_after_the_reports_day(
    customer: Customer, admin_actor: Actor, now: datetime, days: int | None, expiry: Expiry
):
    today = date(2026, 3, 2)  # clocks change on 29 March
    services.give(
        customer_id=customer.pk, amount=gbp(500), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None if days is None else day_end(today + days * DAY), key="b", actor=admin_actor, now=now,
    )  # fmt: skip
    assert parts(as_of(day_end(today)), "expiry") == {expiry: 500}


def test_what_expired_is_listed_until_it_is_booked_and_booked_at_its_own_time(given: Give, now: datetime):
    given(500, "a", 2)
    run_at = now + 5 * DAY
    before = as_of(now + 4 * DAY)
    assert parts(before, "expiry") == {Expiry.OVER: 500}
    services.expire_due(actor=SYSTEM, now=run_at)
    assert parts(before, "expiry") == {Expiry.OVER: 500}, "the same basis gives the same report"
    assert owed(as_of(now + 4 * DAY, by=run_at + SECOND)) == (0, 0)
    assert owed(as_of(now + 4 * DAY, "recorded", run_at + SECOND)) == (500, 0)


def test_a_grace_period_changes_no_report_of_before(given: Give, admin_actor: Actor, now: datetime):
    credit = given(500, "a", 2)
    who = {"customer_id": credit.customer_id, "actor": admin_actor}
    services.spend(**who, amount=gbp(500), reference="N1", key="s", now=now + DAY)
    back_at = now + 10 * DAY
    services.restore(**who, currency="GBP", reference="N1", key="r", now=back_at)
    credit.refresh_from_db()
    assert credit.expires_at == expiry_after(30, back_at)
    assert parts(as_of(now + SECOND, by=back_at + DAY), "expiry") == {Expiry.IN_7: 500}
    assert parts(as_of(back_at + DAY), "expiry") == {Expiry.IN_30: 500}
    # A second grace: in between, the first one's end holds.
    services.spend(**who, amount=gbp(500), reference="N2", key="s2", now=back_at + 2 * DAY)
    services.restore(**who, currency="GBP", reference="N2", key="r2", now=back_at + 100 * DAY)
    assert parts(as_of(now + SECOND, by=back_at + 200 * DAY), "expiry") == {Expiry.IN_7: 500}
    assert parts(as_of(back_at + DAY, by=back_at + 200 * DAY), "expiry") == {Expiry.IN_30: 500}


def test_a_renamed_customer_keeps_the_old_name_in_old_reports(given: Give, admin_actor: Actor, now: datetime):
    customer = given(500, "a").customer
    details = {
        "kind": "customer", "last_name": "", "company": "", "email": "", "phone": "", "postal_address": "",
        "country": "",
    }  # fmt: skip
    for days, name in ((1, "Jo Marsh"), (2, "Jo Holt"), (3, "")):
        customers.update_details(
            customer.pk, first_name=name, **details, actor=admin_actor, now=now + days * DAY
        )
    names = [
        [each.name for each in reporting.balances(as_of(now + days * DAY + SECOND), actor=ADMIN)]
        for days in range(4)
    ]
    assert names == [["jo"], ["Jo Marsh"], ["Jo Holt"], ["jo"]]


def test_currencies_and_kinds_of_credit_stand_apart(given: Give, admin_actor: Actor, now: datetime):
    given(500, "a")
    credit = given(200, "b", 3, GiveReason.GOODWILL)
    services.give(
        customer_id=credit.customer_id, amount=Money(900, "JPY"), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, key="c", actor=admin_actor, now=now,
    )  # fmt: skip
    basis = as_of(now + SECOND)
    found = reporting.liability(basis, actor=ADMIN)
    assert [(each.currency, each.source, each.reason, each.refundable, each.posted) for each in found] == [
        ("GBP", "manual", "deposit", True, 500),
        ("GBP", "manual", "goodwill", False, 200),
        ("JPY", "manual", "deposit", True, 900),
    ]
    assert reporting.liability(basis, currency="JPY", actor=ADMIN) == found[2:]
    assert [each.posted for each in reporting.balances(basis, currency="JPY", actor=ADMIN)] == [900]
    [rolled] = reporting.roll_forward(now, basis, currency="JPY", actor=ADMIN).standings
    assert (rolled.currency, rolled.closing, rolled.transfers) == ("JPY", 900, 1)


def test_an_empty_book_owes_nothing(now: datetime):
    basis = as_of(now)
    assert reporting.liability(basis, actor=ADMIN) == []
    assert list(reporting.balances(basis, actor=ADMIN)) == []
    assert reporting.roll_forward(now - DAY, basis, actor=ADMIN).standings == []


def test_reports_are_for_finance(staff_actor: Actor, now: datetime):
    basis = as_of(now)
    for report in (
        lambda: reporting.liability(basis, actor=staff_actor),
        lambda: reporting.balances(basis, actor=staff_actor),
        lambda: reporting.roll_forward(now - DAY, basis, actor=staff_actor),
    ):
        with pytest.raises(PermissionDenied, match="may not see what the shop owes"):
            report()


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"as_of": datetime(2026, 3, 4, tzinfo=UTC)}, "as_of"),
        ({"as_of": datetime(1026, 3, 1, tzinfo=UTC)}, "as_of"),
        ({"as_of": datetime(2026, 3, 1)}, "as_of"),  # noqa: DTZ001  without a zone, on purpose
        ({"view": "both"}, "view"),
        ({"recorded_by": datetime(2026, 3, 2, 11, tzinfo=UTC)}, "recorded_by"),
    ],
)
def test_a_basis_that_could_change_or_makes_no_sense_is_refused(asked, field, now: datetime):
    sound = {"as_of": day_end(date(2026, 3, 2)), "view": "effective", "recorded_by": None, "now": now}
    assert basis_at(**sound).recorded_by == now
    with pytest.raises(InvalidInput) as refusal:
        basis_at(**{**sound, **asked})
    assert refusal.value.field == field


def test_a_period_begins_before_it_ends(now: datetime):
    with pytest.raises(InvalidInput) as refusal:
        reporting.roll_forward(now + DAY, as_of(now), actor=ADMIN)
    assert refusal.value.field == "from_at"


def test_transfers_of_no_credit_stop_the_report(given: Give, now: datetime):
    given(500, "a")
    given(300, "b")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM credit_credit WHERE issued_minor = 300")
    basis = as_of(now + SECOND)
    for report in (
        lambda: reporting.liability(basis, actor=ADMIN),
        lambda: list(reporting.balances(basis, actor=ADMIN)),
        lambda: reporting.roll_forward(now, basis, actor=ADMIN),
    ):
        with pytest.raises(TransfersWithoutCredit, match=r"belong to no credit \(1\)"):
            report()
