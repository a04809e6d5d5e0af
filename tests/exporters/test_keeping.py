"""Reports of a large book: asked for, made beside the server, kept; they are what is made at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import translation

from tests.exporters.test_reports import basis, written
from tillbook.common.actor import Actor
from tillbook.common.errors import PermissionDenied
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.basis import day_start
from tillbook.credit.models import GiveReason
from tillbook.customers import services as customers
from tillbook.exporters import keeping, making, report_files
from tillbook.exporters.asked import Asked, Kind
from tillbook.exporters.keeping import TooManyReports
from tillbook.exporters.models import Report, ReportRows
from tillbook.exporters.reports import Beginning

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def asked_for(now: datetime, kind: Kind = Kind.LIABILITY, currency: str = "") -> Asked:
    from_at = day_start(now.date().replace(day=1)) if kind == Kind.ROLL_FORWARD else None
    return Asked(kind, basis(now), currency, from_at)


def kept(asked: Asked, actor: Actor, now: datetime) -> Report:
    """The report, asked for and made."""
    keeping.ask(asked, exact=True, actor=actor, now=now)
    taken = making.take(now)
    assert taken is not None
    making.make(taken, lambda: now)
    taken.refresh_from_db()
    return taken


@pytest.mark.usefixtures("till", "yen")
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("currency", ["", "GBP"])
def test_what_is_kept_is_the_same_file_to_the_byte(
    kind: Kind, currency: str, admin_actor: Actor, now: datetime
) -> None:
    asked = asked_for(now, kind, currency)
    report = kept(asked, admin_actor, now)
    assert report.is_made
    assert keeping.asked_of(report) == asked
    for ending in report_files.MEDIA_TYPES:
        at_once_made = written(asked.document(actor=admin_actor), ending)
        assert written(keeping.document(report), ending) == at_once_made, ending
    document = asked.document(actor=admin_actor)
    begun = [Beginning(section).add(section.rows) for section in document.sections]
    assert [(each.rows, each.more) for each in keeping.beginnings(report)] == [
        (each.rows, each.more) for each in begun
    ]
    again = keeping.document(report)
    assert (again.name, again.facts, again.derivation) == (document.name, document.facts, document.derivation)


@pytest.mark.usefixtures("till")
def test_a_page_has_the_first_rows_and_the_files_have_all(admin_actor: Actor, now: datetime) -> None:
    for number in range(1_200):
        customer = customers.add(username=f"c{number:04}", actor=admin_actor, now=now)
        credit.give(
            customer_id=customer.pk, amount=Money(100, "GBP"), reason=GiveReason.DEPOSIT, refundable=True,
            expires_at=None, key="first", actor=admin_actor, now=now,
        )  # fmt: skip
    report = kept(asked_for(now, Kind.BALANCES), admin_actor, now)
    (gbp,) = keeping.beginnings(report)
    assert (len(gbp.rows), gbp.more, gbp.rows[-1].total) == (101, 1_101, True)
    assert [each.place for each in ReportRows.objects.order_by("place")] == [0, 1]
    (section,) = keeping.document(report).sections
    names = [row.cells[0] for row in section.rows]
    assert (len(names), names[:2], names[-3:]) == (1_202, ["c0000", "c0001"], ["c1199", "jo", "Total"])


@pytest.mark.usefixtures("till")
def test_the_same_question_is_answered_once(admin_actor: Actor, now: datetime) -> None:
    first = keeping.ask(asked_for(now), exact=True, actor=admin_actor, now=now)
    assert keeping.ask(asked_for(now), exact=True, actor=admin_actor, now=now + MINUTE) == first
    report = kept(asked_for(now), admin_actor, now)
    assert report == first
    assert keeping.ask(asked_for(now), exact=True, actor=admin_actor, now=now + MINUTE) == first
    assert making.take(now + MINUTE) is None
    with translation.override("de"):
        german = kept(asked_for(now), admin_actor, now)
    assert german.head["title"] != report.head["title"]
    assert Report.objects.count() == 2


@pytest.mark.usefixtures("till")
def test_one_like_it_that_waits_will_do_unless_it_must_be_exact(admin_actor: Actor, now: datetime) -> None:
    first = keeping.ask(asked_for(now), exact=False, actor=admin_actor, now=now)
    later = Asked(Kind.LIABILITY, basis(now + timedelta(seconds=1)))
    assert keeping.ask(later, exact=False, actor=admin_actor, now=now) == first
    assert keeping.ask(later, exact=True, actor=admin_actor, now=now) != first
    for _ in range(2):
        taken = making.take(now)
        assert taken is not None
        making.make(taken, lambda: now)
    latest = Asked(Kind.LIABILITY, basis(now + timedelta(seconds=2)))
    assert keeping.ask(latest, exact=False, actor=admin_actor, now=now).finished_at is None


@pytest.mark.usefixtures("till")
def test_the_newest_like_it_is_found_whatever_it_knew(admin_actor: Actor, now: datetime) -> None:
    early = asked_for(now)
    report = kept(early, admin_actor, now)
    later = Asked(Kind.LIABILITY, basis(now + timedelta(seconds=1)))
    assert later.basis.as_of == early.basis.as_of
    assert keeping.find(later) is None
    assert keeping.newest_like(later) == report
    assert keeping.newest_like(Asked(Kind.LIABILITY, early.basis, "GBP")) is None
    assert keeping.newest_like(asked_for(now, Kind.BALANCES)) is None
    assert keeping.newest(Kind.LIABILITY, 5) == [report]
    assert keeping.newest(Kind.BALANCES, 5) == []


def test_a_report_has_one_maker_until_it_is_silent(admin_actor: Actor, now: datetime) -> None:
    report = keeping.ask(asked_for(now), exact=True, actor=admin_actor, now=now)
    assert making.take(now) == report
    assert making.take(now + timedelta(seconds=30)) is None
    again = making.take(now + timedelta(seconds=31))
    assert again == report
    making.make(again, lambda: now)
    assert making.take(now + MINUTE) is None


def test_one_that_was_given_up_too_often_is_told(admin_actor: Actor, now: datetime) -> None:
    report = keeping.ask(asked_for(now), exact=True, actor=admin_actor, now=now)
    for turn in range(4):
        taken = making.take(now + turn * MINUTE)
        assert taken is not None
    making.make(taken, lambda: now)
    report.refresh_from_db()
    assert (report.is_made, report.refusal) == (
        False,
        "The report could not be made. The server's log says why.",
    )
    fresh = keeping.ask(asked_for(now), exact=True, actor=admin_actor, now=now)
    assert (fresh.refusal, fresh.tries, fresh.finished_at) == ("", 0, None)


@pytest.mark.usefixtures("till")
@pytest.mark.parametrize("kind", [Kind.LIABILITY, Kind.ROLL_FORWARD, Kind.BALANCES])
def test_of_a_damaged_book_the_refusal_is_kept(kind: Kind, admin_actor: Actor, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM credit_credit")
    report = kept(asked_for(now, kind), admin_actor, now)
    assert report.refusal.startswith("The book has transfers that belong to no credit")
    assert (report.is_made, ReportRows.objects.count()) == (False, 0)
    assert keeping.newest(kind, 5) == []


def test_only_so_many_wait(admin_actor: Actor, now: datetime) -> None:
    for turn in range(20):
        keeping.ask(asked_for(now - turn * timedelta(days=1)), exact=False, actor=admin_actor, now=now)
    with pytest.raises(TooManyReports, match="20 reports are waiting to be made"):
        keeping.ask(asked_for(now - timedelta(days=20)), exact=False, actor=admin_actor, now=now)
    assert keeping.ask(asked_for(now), exact=True, actor=admin_actor, now=now).tries == 0  # it waits already


def test_who_may_not_see_reports_asks_for_none(staff_actor: Actor, now: datetime) -> None:
    with pytest.raises(PermissionDenied):
        keeping.ask(asked_for(now), exact=True, actor=staff_actor, now=now)
    assert Report.objects.count() == 0


@pytest.mark.usefixtures("till")
def test_old_ones_are_let_go_and_those_that_wait_are_not(admin_actor: Actor, now: datetime) -> None:
    report = kept(asked_for(now), admin_actor, now)
    waiting = keeping.ask(asked_for(now, Kind.BALANCES), exact=True, actor=admin_actor, now=now)
    assert report.finished_at is not None
    keeping.clear(report.finished_at + timedelta(days=30))
    assert Report.objects.count() == 2
    keeping.clear(report.finished_at + timedelta(days=30, seconds=1))
    assert list(Report.objects.all()) == [waiting]
    assert ReportRows.objects.count() == 0


@pytest.mark.usefixtures("till")
def test_only_the_newest_two_hundred_stay(admin_actor: Actor, now: datetime) -> None:
    report = kept(asked_for(now), admin_actor, now)
    for turn in range(200):
        Report.objects.filter(pk=report.pk).update(key=f"older {turn}")
        report.pk, report.key = None, f"newer {turn}"
        report.save(force_insert=True)
    assert report.finished_at is not None
    keeping.clear(report.finished_at)
    assert Report.objects.count() == 200


@pytest.mark.usefixtures("till")
def test_how_large_a_book_is_its_credits_say(settings: Any) -> None:
    settings.TILLBOOK_REPORTS_AT_ONCE = 0
    assert keeping.is_large()
    settings.TILLBOOK_REPORTS_AT_ONCE = 10**9
    assert not keeping.is_large()
