"""The adjustment note: what a return gave back, and nothing that is internal."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pypdf import PdfReader

from tests.orders.till import Till, gbp, line
from tests.paper_structure import headings, language, says_it_is_accessible
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason
from tillbook.credit.queries import credits_of
from tillbook.customers.models import Customer
from tillbook.orders.models import Order, OrderLine
from tillbook.returns import note, queries, services
from tillbook.returns.models import Rma
from tillbook.returns.services import RmaLineInput

AMELIE = {
    "first_name": "Amélie", "last_name": "Østergård", "company": "Nordlys ApS",
    "postal_address": "1 Quay Street\nOslo", "country": "Norway",
}  # fmt: skip


def paid_order(till: Till) -> Order:
    """Three cups for 10.00 and a tin for 20.00, shipping 3.00, surcharge 0.20, all paid."""
    Customer.objects.filter(pk=till.customer.pk).update(**AMELIE)
    tin = line(2000, sku="TIN")
    order = till.place(line(1000, quantity=3), tin, shipping_minor=300, surcharge_minor=20, number="WEB-7")
    till.pay(order, 3320)
    return order


def closed(till: Till, *lines: RmaLineInput, order: Order | None = None, **more: Any) -> Rma:
    return queries.by_number(till.close(till.open_rma(order, *lines, **more)).number)


def pages(rma: Rma) -> list[str]:
    return [page.extract_text() for page in PdfReader(BytesIO(note.render(note.of(rma)))).pages]


def test_a_note_says_all_that_the_customer_may_know(till: Till, settings: Any) -> None:
    settings.TILLBOOK_SHOP = replace(
        settings.TILLBOOK_SHOP, address="12 Harbour Street", email="a@example.org"
    )
    order = paid_order(till)
    rma = closed(
        till, till.back(order, 2, None), till.back(order, 0, 150, position=2), order=order, shipping_minor=300,
        surcharge_minor=20, note="an internal remark", public_note="Sorry for that.\n\nKeep the tin.",
    )  # fmt: skip
    [page] = pages(rma)
    expected = [
        "Adjustment note", rma.adjustment_note, settings.TILLBOOK_SHOP.name, "12 Harbour Street", "Amélie Østergård",
        "Nordlys ApS", "1 Quay Street", "Oslo", "Norway", "jo", "2 March 2026", "WEB-7", rma.number,
        "Faulty or damaged", "CUP A thing 2 £6.67", "TIN A thing no goods back £1.50", "Shipping £3.00",
        "Surcharge £0.20", "£11.37 GBP", "Pays orders, or is paid out on request. £11.37", "Sorry for that.",
        "Keep the tin.", f"Write to a@example.org and name {rma.adjustment_note}.", "Page 1 of 1",
        f"Credit {numbers_of_credits(till)[0]}",
    ]  # fmt: skip
    assert [words for words in expected if words not in page] == []
    assert "an internal remark" not in page
    assert "an internal remark" not in repr(note.of(rma))


def numbers_of_credits(till: Till) -> list[str]:
    return sorted(each.number for each in credits_of(till.customer.pk))


def test_what_goodwill_paid_is_told_apart(till: Till) -> None:
    credit.give(
        customer_id=till.customer.pk, amount=gbp(400), reason=GiveReason.GOODWILL, refundable=False,
        expires_at=till.now + timedelta(days=30), **till.by,
    )  # fmt: skip
    order = till.place(line(1000))
    till.spend(order, 400)
    till.pay(order, 600)
    made = note.of(closed(till, till.back(order, 1, None), order=order))
    _, cash, tied = numbers_of_credits(till)
    assert [(each.name, each.amount) for each in made.credits] == [
        (f"Credit {cash}", "£6.00"),
        (f"Credit {tied}", "£4.00"),
    ]
    assert made.credits[1].sentence == "Pays orders. It can't be paid out. It can be used until 1 April 2026."
    assert "can't be paid out" not in made.credits[0].sentence


def test_it_names_each_order_that_its_lines_are_of(till: Till) -> None:
    first, second = (till.place(line(500), number=number) for number in ("A1", "B2"))
    till.pay(first, 500)
    till.pay(second, 500)
    rma = closed(till, till.back(first, 1, None), till.back(second, 1, None))
    [orders] = [fact.lines for fact in note.of(rma).facts if fact.label == "Orders"]
    assert orders == ["A1, B2"]
    without = closed(till, RmaLineInput(None, "CUP", "A cup", 1, 100))
    assert not [fact for fact in note.of(without).facts if fact.label.startswith("Order")]


@pytest.mark.parametrize("outcome", ["open", "cancelled", "without_credit"])
def test_only_a_return_closed_with_credit_has_a_note(till: Till, outcome: str) -> None:
    rma = till.open_rma(None, RmaLineInput(None, "CUP", "A cup", 1, 100))
    if outcome == "cancelled":
        services.cancel(rma.pk, reason="Kept", actor=till.staff, now=till.now)
    if outcome == "without_credit":
        services.close_without_credit(rma.pk, note="", actor=till.staff, now=till.now)
    with pytest.raises(note.NoAdjustmentNote, match=f"{rma.number} has no adjustment note"):
        note.of(queries.by_number(rma.number))


def test_the_day_and_the_money_are_those_of_the_shop(till: Till, settings: Any) -> None:
    settings.TILLBOOK_SHOP = replace(
        settings.TILLBOOK_SHOP, locale="de_DE", time_zone=ZoneInfo("Pacific/Kiritimati")
    )
    made = note.of(closed(till, RmaLineInput(None, "CUP", "A cup", 1, 1000)))
    [day] = [fact.lines for fact in made.facts if fact.label == "Date"]
    assert (day, made.total) == (["3. März 2026"], "10,00\xa0£")


def test_a_thousand_lines_make_pages_with_the_head_on_each(till: Till) -> None:
    order = till.place(*[line(100, sku=f"SKU-{index}") for index in range(1000)])
    till.pay(order, 100_000)
    rows = OrderLine.objects.filter(order=order)
    lines = [RmaLineInput(row.pk, row.sku, "W" * 300 if row.position == 9 else "", 1, None) for row in rows]
    found = pages(closed(till, *lines, order=order))
    assert len(found) > 10
    assert all(f"Page {number} of {len(found)}" in page for number, page in enumerate(found, 1))
    assert all("SKU Description Quantity Amount" in page for page in found[:-1])
    assert "£1,000.00" in "".join(found[-2:])
    text = "".join(found)
    assert all(f"SKU-{index} " in text for index in range(1000))


def test_the_longest_words_stay_on_the_page(till: Till) -> None:
    names = {
        "first_name": "W" * 100,
        "last_name": "W" * 100,
        "company": "W" * 200,
        "postal_address": "W" * 300,
    }
    Customer.objects.filter(pk=till.customer.pk).update(**names)
    rma = closed(till, RmaLineInput(None, "W" * 60, "W" * 300, 1, 10_000), public_note="W" * 5_000)
    runs = [len(run) for page in pages(rma) for run in re.findall("W+", page)]
    assert sum(runs) > 5_000
    assert max(runs) <= 60  # as many fit into a line


def test_text_is_never_read_as_markup(till: Till) -> None:
    odd = '*bold* #panic("no") $x^2$ <label> @preview \\ "q" [c]'
    rma = closed(till, RmaLineInput(None, "CUP", odd, 1, 100), public_note=odd)
    [page] = pages(rma)
    assert "".join(page.split()).count("".join(odd.split())) == 2


def test_a_note_says_when_characters_could_not_be_printed(till: Till) -> None:
    [page] = pages(closed(till, RmaLineInput(None, "CUP", "Юлия", 1, 100)))
    assert "could not be printed" not in page
    [page] = pages(closed(till, RmaLineInput(None, "CUP", "a\u2028b 😀\u0378", 1, 100)))
    assert "could not be printed" in page


def test_a_note_is_read_aloud_by_its_headings_in_the_shops_language(till: Till, settings: Any) -> None:
    settings.LANGUAGE_CODE = "de"
    rma = closed(till, RmaLineInput(None, "CUP", "A cup", 1, 100), public_note="Sorry.")
    made = note.of(rma)
    for each in (made, replace(made, number="", mark="Preview")):
        pdf = note.render(each)
        assert says_it_is_accessible(pdf)
        assert (language(pdf), headings(pdf)) == ("de", ["H1", "H2", "H2"])


def test_the_same_return_makes_the_same_file(till: Till) -> None:
    rma = closed(till, RmaLineInput(None, "CUP", "A cup", 1, 100))
    assert note.render(note.of(rma)) == note.render(note.of(queries.by_number(rma.number)))


def test_a_note_takes_as_many_queries_for_many_lines_as_for_one(
    till: Till, django_assert_num_queries: Any
) -> None:
    order = paid_order(till)
    for lines in (1, 2):
        back = [till.back(order, 0, 10, position=position) for position in range(1, lines + 1)]
        rma = closed(till, *back, order=order)
        with django_assert_num_queries(2):
            note.of(rma)
