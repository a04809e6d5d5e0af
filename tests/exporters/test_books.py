"""A book with every kind of movement, exported: the other programs find the balances that we have."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from tests.exporters.programs import bean_check, hledger, ledger
from tillbook.common.actor import Actor, Role
from tillbook.common.errors import InvalidInput, PermissionDenied, Refusal
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason
from tillbook.customers import services as customers
from tillbook.exporters import books
from tillbook.exporters.account_mapping import Format, InvalidMapping, mapping, template
from tillbook.exporters.journal import LIABILITY, Detail, journal
from tillbook.exporters.period import By, Period, PeriodNotOver
from tillbook.ledger.models import Account, House

SYSTEM = Actor.system("test")
JAN, FEB = Period(date(2026, 1, 1), date(2026, 1, 31)), Period(date(2026, 2, 1), date(2026, 2, 28))
BOTH = Period(JAN.first, FEB.last)
LATER = datetime(2026, 6, 1, tzinfo=UTC)


def at(month: int, day: int, hour: int = 12) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def give(customer_id: int, minor: int, currency: str, reason: GiveReason, now: datetime, key: str) -> None:
    credit.give(
        customer_id=customer_id, amount=Money(minor, currency), reason=reason,
        refundable=reason == GiveReason.DEPOSIT, expires_at=None, key=key, actor=SYSTEM, now=now,
    )  # fmt: skip


@pytest.fixture
def movements(db: None) -> None:
    """Two months of a shop with odd names: given, spent, held, part captured, released, restored."""
    jo = customers.add(username='=Jo "O\\Neil"; | [x], é 漢', currency="GBP", actor=SYSTEM, now=at(1, 2)).pk
    who = {"customer_id": jo, "actor": SYSTEM}
    give(jo, 5000, "GBP", GiveReason.DEPOSIT, at(1, 3), "a")
    give(jo, 700, "GBP", GiveReason.GOODWILL, at(1, 31, 23), "b")
    give(jo, 1200, "JPY", GiveReason.PROMOTION, at(1, 5), "c")
    give(jo, 12_345, "KWD", GiveReason.PRICE_CORRECTION, at(1, 6), "d")
    credit.spend(amount=Money(1999, "GBP"), reference='N"1;', key="e", now=at(1, 7), **who)
    credit.hold(amount=Money(1000, "GBP"), reference="N2", key="f", now=at(1, 8), **who)
    credit.capture(hold_key="f", amount=Money(600, "GBP"), key="g", now=at(2, 1), **who)
    credit.hold(amount=Money(500, "JPY"), reference="N3", key="h", now=at(2, 2), **who)
    credit.release(hold_key="h", key="i", now=at(2, 3), **who)
    credit.restore(currency="GBP", reference='N"1;', amount=Money(999, "GBP"), key="j", now=at(2, 4), **who)
    credit.spend(amount=Money(345, "KWD"), reference="N4", key="k", now=at(2, 28, 23), **who)
    credit.hold(
        amount=Money(400, "GBP"), reference="RF-1", refundable_only=True, house=House.PAYOUTS,
        reason="refund", key="l", now=at(2, 5), **who,
    )  # fmt: skip
    credit.capture(hold_key="l", key="m", now=at(2, 6), **who)


def text(
    format: Format, period: Period = BOTH, *, continues: bool = False, file: Path | None = None, **more
) -> str:
    found = journal(period, **{"actor": SYSTEM, "now": LATER, **more})
    return "".join(books.rendered(found, format, mapping(format, file), continues=continues))


def owed() -> dict[tuple[str, str], str]:
    sums: dict[str, int] = defaultdict(int)
    for account in Account.objects.all():
        sums[account.currency] -= account.posted_minor
    return {
        (mapping(Format.HLEDGER).common[LIABILITY], each): Money(sums[each], each).decimal() for each in sums
    }


@pytest.mark.parametrize("detail", Detail)
def test_hledger_finds_our_balances(movements: None, tmp_path: Path, detail: Detail) -> None:
    file = tmp_path / "books.journal"
    file.write_text(text(Format.HLEDGER, detail=detail), encoding="utf-8")
    found = hledger(file)
    assert found == {
        **owed(),
        ("Assets:Clearing:Orders", "GBP"): "-16.00",
        ("Assets:Clearing:Orders", "KWD"): "-0.345",
        ("Assets:Clearing:Payouts", "GBP"): "-4.00",
        ("Assets:Clearing:Receipts", "GBP"): "50.00",
        ("Expenses:Credit-Adjustments", "KWD"): "12.345",
        ("Expenses:Goodwill", "GBP"): "7.00",
        ("Expenses:Promotions", "JPY"): "1200",
    }
    assert found["Liabilities:Customer-Credit", "GBP"] == "-37.00"


@pytest.mark.parametrize("detail", Detail)
def test_ledger_reads_the_same_file(movements: None, tmp_path: Path, detail: Detail) -> None:
    file = tmp_path / "books.journal"
    file.write_text(text(Format.HLEDGER, FEB, detail=detail), encoding="utf-8")
    assert ledger(file) == {place: Decimal(amount) for place, amount in hledger(file).items()}


@pytest.mark.parametrize("detail", Detail)
@pytest.mark.parametrize("period", [JAN, FEB, BOTH])
def test_both_programs_agree_with_each_period(
    movements: None, tmp_path: Path, detail: Detail, period: Period
) -> None:
    bean, plain = tmp_path / "b.beancount", tmp_path / "h.journal"
    bean.write_text(text(Format.BEANCOUNT, period, detail=detail), encoding="utf-8")
    plain.write_text(text(Format.HLEDGER, period, detail=detail), encoding="utf-8")
    assert bean_check(bean) == ""
    if period != JAN:
        assert hledger(plain).items() >= owed().items()


def test_a_cent_off_is_found(movements: None, tmp_path: Path) -> None:
    file = tmp_path / "b.beancount"
    right = text(Format.BEANCOUNT)
    wrong = right.replace("Credit  -37.00 ~", "Credit  -37.01 ~")
    assert wrong != right
    file.write_text(wrong, encoding="utf-8")
    assert "Balance failed" in bean_check(file)


@pytest.mark.parametrize("detail", Detail)
def test_periods_chain(movements: None, tmp_path: Path, detail: Detail) -> None:
    bean, plain = tmp_path / "b.beancount", tmp_path / "h.journal"
    for format, file in ((Format.BEANCOUNT, bean), (Format.HLEDGER, plain)):
        february = text(format, FEB, continues=True, detail=detail)
        file.write_text(text(format, JAN, detail=detail) + february, encoding="utf-8")
    assert bean_check(bean) == ""
    assert hledger(plain).items() >= owed().items()


@pytest.mark.parametrize("format", [Format.BEANCOUNT, Format.HLEDGER])
def test_the_same_period_gives_the_same_bytes_after_more_came(movements: None, format: Format) -> None:
    before = [text(format, JAN, detail=detail) for detail in Detail]
    give(Account.objects.first().customer_id, 100, "USD", GiveReason.DEPOSIT, at(3, 1), "z")
    assert [text(format, JAN, detail=detail, now=LATER + timedelta(days=400)) for detail in Detail] == before


def test_a_day_is_the_shop_s_own(movements: None, settings) -> None:
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, time_zone=ZoneInfo("Asia/Tokyo"))
    days = {booking.day for booking in journal(JAN, actor=SYSTEM, now=LATER).bookings()}
    singles = journal(JAN, detail=Detail.TRANSFER, actor=SYSTEM, now=LATER).bookings()
    assert days == {booking.day for booking in singles}
    assert date(2026, 1, 31) not in days, "23:00 in UTC is the next morning in Tokyo"


def rows(found: str) -> list[dict[str, str]]:
    assert found.count("\r\n") == found.count("\n")
    return list(csv.DictReader(io.StringIO(found, newline="")))


def test_xero_s_journals_balance_and_have_one_narration_a_day(movements: None, tmp_path: Path) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text(template(Format.XERO))
    lines = rows(text(Format.XERO, file=file, currency="GBP", detail=Detail.TRANSFER))
    assert list(lines[0]) == ["*Narration", "*Date", "Description", "*AccountCode", "*TaxRate", "*Amount"]
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for line in lines:
        sums[line["*Narration"], line["*Date"]] += int(line["*Amount"].replace(".", ""))
    assert set(sums.values()) == {0}
    assert len(sums) * 2 == len(lines) == 12
    assert (lines[0]["*Date"], lines[0]["*Amount"], lines[1]["*Amount"]) == ("03/01/2026", "50.00", "-50.00")


def test_quickbooks_gets_debits_and_credits_that_balance(movements: None) -> None:
    lines = rows(text(Format.QUICKBOOKS, currency="JPY"))
    assert [list(line.values()) for line in lines] == [
        ["TB-20260105-JPY", "01/05/2026", "Promotions", "Promotion given", "1200", ""],
        ["TB-20260105-JPY", "01/05/2026", "Customer credit", "Credit issued or given back", "", "1200"],
    ]


def test_a_csv_takes_one_currency(movements: None) -> None:
    with pytest.raises(InvalidInput, match="--currency GBP"):
        text(Format.QUICKBOOKS)


def test_a_spreadsheet_runs_nothing(db: None, tmp_path: Path) -> None:
    from tillbook.exporters.journal_csv import _text

    assert [_text(each) for each in ("=1+1", "@x", "\t-1", "a=1", "")] == ["'=1+1", "'@x", "'-1", "a=1", ""]


def test_an_empty_book_is_sound(db: None, tmp_path: Path) -> None:
    bean, plain = tmp_path / "b.beancount", tmp_path / "h.journal"
    bean.write_text(text(Format.BEANCOUNT), encoding="utf-8")
    plain.write_text(text(Format.HLEDGER), encoding="utf-8")
    assert (bean_check(bean), hledger(plain)) == ("", {})
    assert len(text(Format.QUICKBOOKS).splitlines()) == 1


def test_a_period_under_way_is_refused_unless_asked_for(db: None) -> None:
    soon = JAN.end + timedelta(minutes=59)
    with pytest.raises(PeriodNotOver):
        journal(JAN, actor=SYSTEM, now=soon)
    journal(JAN, actor=SYSTEM, now=soon, unfinished=True)
    journal(JAN, actor=SYSTEM, now=JAN.end + timedelta(hours=1))


@pytest.mark.parametrize(
    "period",
    [
        Period(JAN.last, JAN.first),
        Period(date(1, 1, 1), JAN.last),
        Period(JAN.first, JAN.last, By.EFFECTIVE),
        Period(JAN.first, JAN.last, By.RECORDED, LATER),
        Period(JAN.first, JAN.last, By.EFFECTIVE, at(1, 30)),
    ],
)
def test_a_period_that_means_nothing_is_refused(db: None, period: Period) -> None:
    with pytest.raises(InvalidInput):
        journal(period, actor=SYSTEM, now=LATER)


def test_what_happened_is_told_as_it_was_known(movements: None, tmp_path: Path) -> None:
    known = Period(JAN.first, JAN.last, By.EFFECTIVE, at(2, 10))
    before = text(Format.BEANCOUNT, known)
    assert before == text(Format.BEANCOUNT, JAN), "here everything was written when it happened"
    file = tmp_path / "b.beancount"
    file.write_text(before, encoding="utf-8")
    assert bean_check(file) == ""


def test_staff_may_not_take_the_books_out(db: None) -> None:
    with pytest.raises(PermissionDenied):
        journal(JAN, actor=Actor("sam", Role.STAFF, "test", 1), now=LATER)


@pytest.mark.parametrize(
    ("format", "content", "named"),
    [
        (Format.BEANCOUNT, 'reciepts = "Assets:X"', "reciepts"),
        (Format.BEANCOUNT, 'receipts = "assets:x"', "receipts"),
        (Format.BEANCOUNT, "receipts = 7", "receipts"),
        (Format.BEANCOUNT, 'receipts = "Liabilities:Customer-Credit"', "receipts"),
        (Format.BEANCOUNT, 'receipts = "Assets:Clearing"', "Assets:Clearing .* Assets:Clearing:Orders"),
        (
            Format.BEANCOUNT,
            '[JPY]\nbreakage = "Income:Breakage:Yen"',
            "Income:Breakage is .* Income:Breakage:Yen",
        ),
        (Format.HLEDGER, 'receipts = "a  b"', "receipts"),
        (Format.HLEDGER, '[POUNDS]\nreceipts = "a"', "POUNDS"),
        (Format.XERO, "", "liability"),
        (Format.XERO, template(Format.XERO).replace("tax_rate", "# "), "tax_rate"),
        (Format.XERO, template(Format.XERO).replace("841", "=841"), "receipts"),
        (Format.QUICKBOOKS, 'receipts = "A:"', "receipts"),
        (Format.QUICKBOOKS, "receipts", "TOML"),
    ],
)
def test_a_wrong_account_is_refused_by_its_name(
    tmp_path: Path, format: Format, content: str, named: str
) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(InvalidMapping, match=named):
        mapping(format, file)


def test_names_that_only_begin_alike_are_no_parent_and_its_part(movements: None, tmp_path: Path) -> None:
    accounts, file = tmp_path / "accounts.toml", tmp_path / "b.beancount"
    accounts.write_text('receipts = "Assets:Clear"\norders = "Assets:Clearing"\npayouts = "Assets:Clear-2"')
    file.write_text(text(Format.BEANCOUNT, file=accounts), encoding="utf-8")
    assert bean_check(file) == ""


def test_hledger_takes_an_account_and_its_part(movements: None, tmp_path: Path) -> None:
    """Its assertions leave sub-accounts out."""
    accounts, file = tmp_path / "accounts.toml", tmp_path / "h.journal"
    accounts.write_text('receipts = "Assets:Clearing"')
    file.write_text(text(Format.HLEDGER, file=accounts), encoding="utf-8")
    assert hledger(file)["Assets:Clearing", "GBP"] == "50.00"


@pytest.mark.parametrize("format", Format)
def test_the_printed_accounts_can_be_read(tmp_path: Path, format: Format) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text(template(format), encoding="utf-8")
    assert set(mapping(format, file).common) == {LIABILITY, *House}


def test_one_currency_may_have_accounts_of_its_own(movements: None, tmp_path: Path) -> None:
    accounts, file = tmp_path / "accounts.toml", tmp_path / "b.beancount"
    accounts.write_text('goodwill = "Expenses:Gifts"\n[JPY]\nliability = "Liabilities:Points"\n')
    file.write_text(text(Format.BEANCOUNT, file=accounts), encoding="utf-8")
    assert bean_check(file) == ""
    assert "balance Liabilities:Points  -1200 ~ 0 JPY" in file.read_text(encoding="utf-8")


class TestRandomHistories(TestCase):
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["give", "spend", "hold", "capture"]),
                st.integers(1, 500),
                st.sampled_from(["GBP", "JPY"]),
            ),
            max_size=25,
        )
    )
    def test_bookings_balance_and_add_up_to_what_was_posted(self, steps) -> None:
        jo = customers.add(username="jo", currency="GBP", actor=SYSTEM, now=at(1, 1, 0)).pk
        for number, (step, minor, currency) in enumerate(steps):
            by = {
                "customer_id": jo,
                "actor": SYSTEM,
                "now": at(1, 1) + timedelta(hours=31 * number),
                "key": f"k{number}",
            }
            amount = Money(minor, currency)
            try:
                if step == "give":
                    give(jo, minor, currency, GiveReason.DEPOSIT, by["now"], by["key"])
                elif step == "capture":
                    credit.capture(hold_key=f"k{number - 1}", **by)
                else:
                    getattr(credit, step)(amount=amount, reference="N1", **by)
            except Refusal:
                continue
        posted: dict[str, int] = defaultdict(int)
        for account in Account.objects.all():
            posted[account.currency] += account.posted_minor
        for detail in Detail:
            sums: dict[str, int] = defaultdict(int)
            found = [*journal(JAN, detail=detail, actor=SYSTEM, now=LATER).bookings()]
            found += journal(FEB, detail=detail, actor=SYSTEM, now=LATER).bookings()
            assert len({booking.number for booking in found}) == len(found)
            for booking in found:
                assert sum(posting.minor for posting in booking.postings) == 0
                sums[booking.currency] -= sum(
                    each.minor for each in booking.postings if each.account == LIABILITY
                )
            assert sums == posted
