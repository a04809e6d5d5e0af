"""The slip: one page, everything on it, and no full account number."""

from __future__ import annotations

from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from pypdf import PdfReader

from tests.paper_structure import headings, language, says_it_is_accessible
from tillbook.common.actor import Actor
from tillbook.credit.models import Credit, ReverseReason, Source
from tillbook.customers.models import Customer
from tillbook.refunds import slip
from tillbook.refunds.accounts import mask
from tillbook.refunds.models import Refund, RefundSource
from tillbook.refunds.proof import code_of
from tillbook.shop.policies import shop
from tillbook.shop.services import save, save_logo

_NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
_AMELIE = {"username": "12748", "first_name": "Amélie", "last_name": "Østergård", "company": "Nordlys ApS"}


def _refund(*, customer: dict[str, str] | None = None, credits: int = 1, **changes: Any) -> Refund:
    """A refund of 10.01 from the first credit, 10.02 from the second and so on, in memory only."""
    fields: dict[str, Any] = {
        "pk": 42,
        "customer": Customer(id=7, **(customer or _AMELIE)),
        "currency": "GBP",
        "amount_minor": 12345,
        "method": Refund.Method.BANK_TRANSFER,
        "payee_name": "A. Østergård",
        "bank_account": "20-00-00 55779911",
        "payment_date": date(2026, 3, 6),
        "requested_by": "olivia",
        "requested_at": _NOON,
        "note": "an internal remark",
    }
    refund = Refund(**(fields | changes))
    sources = [
        RefundSource(refund=refund, customer_id=7, credit_id=i, amount_minor=1000 + i)
        for i in range(1, credits + 1)
    ]
    for source in sources:
        source.credit = Credit(
            customer_id=7,
            id=source.credit_id,
            source=Source.OVERPAYMENT,
            source_reference=f"5363{source.credit_id}",
        )
    vars(refund)["_prefetched_objects_cache"] = {"sources": sources}
    return refund


def _pages(*refunds: Refund) -> list[str]:
    return [page.extract_text() for page in PdfReader(BytesIO(slip.render(refunds))).pages]


def test_a_slip_is_one_page_that_says_everything() -> None:
    [page] = _pages(_refund(credits=2))
    expected = [
        shop().name, "RF-1042", "Amélie Østergård", "Nordlys ApS", "12748", "£123.45", "GBP", "Requested",
        "Bank transfer", "A. Østergård", "6 March 2026", "4 March 2026", "olivia",
        "CR-1001", "Order 53631", "£10.01", "CR-1002", "Order 53632", "£10.02",
        "This slip is a record of a refund. It is not a payment",
    ]  # fmt: skip
    assert [words for words in expected if words not in page] == []
    assert "an internal remark" not in page


def test_the_account_number_shows_only_its_last_digits() -> None:
    pdf = slip.render([_refund()])
    [page] = _pages(_refund())
    assert mask("20-00-00 55779911").endswith("911")
    assert mask("20-00-00 55779911") in page
    assert "5577991" not in page.replace(" ", "")
    assert b"5577991" not in pdf


@pytest.mark.parametrize(
    ("method", "detail", "expected"),
    [
        (Refund.Method.PAYPAL, {"paypal_email": "amelie@example.org"}, "amelie@example.org"),
        (Refund.Method.CHEQUE, {"postal_address": "1 Quay Street\nOslo"}, "1 Quay Street"),
        (Refund.Method.CASH, {}, "Cash"),
    ],
)
def test_each_method_shows_its_own_payee_details(method: str, detail: dict[str, Any], expected: str) -> None:
    [page] = _pages(_refund(method=method, **detail))
    assert expected in page
    assert mask("20-00-00 55779911") not in page


def test_a_completed_slip_says_who_completed_it_and_when() -> None:
    done = _refund(
        status=Refund.Status.COMPLETED, resolved_by="ada", resolved_at=datetime(2026, 3, 8, 9, tzinfo=UTC)
    )
    [page] = _pages(done)
    assert "Paid on 8 March 2026." in page
    assert "ada" in page


def test_a_declined_slip_keeps_the_internal_reason_to_itself() -> None:
    resolved: dict[str, Any] = {"resolved_by": "ada", "resolved_at": _NOON, "decline_reason": "looks odd"}
    [page] = _pages(_refund(status=Refund.Status.DECLINED, **resolved))
    assert "Declined" in page
    assert "looks odd" not in page


@pytest.mark.parametrize(
    ("status", "says"),
    [("approved", "Recorded and approved"), ("failed", "The payment came back on 4 March 2026")],
)
def test_each_other_state_is_said(status: str, says: str) -> None:
    done = (
        {"resolved_by": "ben", "resolved_at": datetime(2026, 3, 4, tzinfo=UTC)} if status == "failed" else {}
    )
    assert says in " ".join(_pages(_refund(status=status, **done))[0].split())


def test_of_money_that_nobody_took_a_slip_says_that_and_not_that_it_came_back() -> None:
    done = {"resolved_by": "ben", "resolved_at": datetime(2026, 3, 4, tzinfo=UTC), "was_unclaimed": True}
    page = " ".join(_pages(_refund(status="failed", **done))[0].split())
    assert "Nobody took the money. The credit is available again since 4 March 2026." in page
    assert "came back" not in page


def test_a_slip_has_a_code_and_where_to_check_it(settings: Any) -> None:
    settings.TILLBOOK_ADDRESS = "https://credit.example.com"
    refund = _refund()
    page = "".join(_pages(refund)[0].replace("\u200b", "").split())
    assert f"Code{code_of(refund.number)}" in page
    assert f"https://credit.example.com/slip/{refund.number}/{code_of(refund.number)}/" in page


def test_a_reversal_has_no_slip() -> None:
    reversal: dict[str, Any] = {"kind": Refund.Kind.REVERSAL, "method": "", "payment_date": None}
    with pytest.raises(slip.NoSlip, match="RF-1042 is a reversal"):
        slip.render([_refund(pk=1), _refund(reverse_reason=ReverseReason.DUPLICATE, **reversal)])


def test_forty_credits_stand_on_one_page() -> None:
    [page] = _pages(_refund(credits=40))
    assert all(f"CR-{1000 + i}" in page for i in range(1, 41))


def test_more_credits_than_fit_are_summed_up() -> None:
    [page] = _pages(_refund(credits=42))
    assert "CR-1039" in page
    assert "CR-1040" not in page
    assert "and 3 more credits, together £31.23" in page  # 10.40 + 10.41 + 10.42


def test_the_longest_names_and_addresses_still_make_one_page() -> None:
    word = "W" * 100
    longest = {"username": "W" * 150, "first_name": word, "last_name": word, "company": "W" * 200}
    address = "\n".join(["W" * 300] * 60)
    cheque: dict[str, Any] = {
        "method": Refund.Method.CHEQUE,
        "payee_name": "W" * 200,
        "postal_address": address,
    }
    [page] = _pages(_refund(customer=longest, credits=60, amount_minor=10**15, **cheque))
    assert "£10,000,000,000,000.00" in page
    assert "This slip is a record" in page


def test_text_is_never_read_as_markup() -> None:
    name = '*bold* #panic("no") $x^2$ <label> @preview \\ "q" [c]'
    [page] = _pages(_refund(payee_name=name))
    assert "".join(name.split()) in "".join(page.split())


@pytest.mark.parametrize("name", ["Νίκος Παπαδόπουλος", "Юлия Щербакова", "Łukasz Żółć", "Đặng Thị Hà"])
def test_names_in_other_alphabets_are_printed_as_written(name: str) -> None:
    [page] = _pages(_refund(payee_name=name))
    assert name in page


@pytest.mark.parametrize("name", ["山田太郎", "محمد علي", "😀", "a\x00b\x07c\u2028d"])
def test_any_name_at_all_still_makes_a_slip(name: str) -> None:
    [page] = _pages(_refund(payee_name=name))
    assert "RF-1042" in page


_GAPS = "Some characters could not be printed."


@pytest.mark.parametrize("name", ["山田太郎", "김철수", "สมชาย", "Jo 😀", "李小龙"])
def test_a_slip_says_when_characters_could_not_be_printed(name: str) -> None:
    [page] = _pages(_refund(payee_name=name))
    assert _GAPS in page


@pytest.mark.parametrize(
    "name", ["Jo Marsh", "Amélie Østergård", "Νίκος", "Юлия", "Đặng Thị Hà", "a\x00b\u2028d"]
)
def test_a_slip_whose_characters_are_all_printed_says_nothing_of_it(name: str) -> None:
    [page] = _pages(_refund(payee_name=name))
    assert _GAPS not in page


def test_only_the_slip_that_lacks_a_character_says_so() -> None:
    first, second = _pages(_refund(pk=1), _refund(pk=2, payee_name="山田太郎"))
    assert _GAPS not in first
    assert _GAPS in second


def test_a_last_page_names_the_reversals_left_out() -> None:
    pages = PdfReader(BytesIO(slip.render([_refund()], left_out=["RF-1043", "RF-1044"]))).pages
    _, note = [page.extract_text() for page in pages]
    assert "Without a slip, because nobody is paid: RF-1043, RF-1044." in note


def test_many_refunds_are_a_page_each_in_the_order_given() -> None:
    pages = _pages(_refund(pk=3), _refund(pk=1, credits=40), _refund(pk=2))
    assert [
        number in page for number, page in zip(["RF-1003", "RF-1001", "RF-1002"], pages, strict=True)
    ] == [True] * 3


def test_a_slip_is_read_aloud_by_its_headings_in_the_shops_language(settings: Any) -> None:
    settings.LANGUAGE_CODE = "de"
    pdf = slip.render([_refund(credits=2), _refund(credits=40)], left_out=["RF-1043"])
    assert says_it_is_accessible(pdf)
    assert language(pdf) == "de"
    assert headings(pdf) == ["H1", "H2", "H1", "H2"]


def test_a_slip_with_an_empty_box_does_not_say_that_it_can_be_read_aloud() -> None:
    assert not says_it_is_accessible(slip.render([_refund(payee_name="山田太郎")]))


def test_the_same_refund_makes_the_same_file() -> None:
    assert slip.render([_refund()]) == slip.render([_refund()])


def test_no_refund_makes_no_slip() -> None:
    with pytest.raises(ValueError, match="no refund"):
        slip.render([])


def test_a_slip_bears_the_logo_and_the_tax_number_of_the_shop(admin_actor: Actor, now: datetime) -> None:
    assert not PdfReader(BytesIO(slip.render([_refund()]))).pages[0].images
    picture = BytesIO()
    Image.new("RGB", (1900, 30), "#17624b").save(picture, format="PNG")
    save_logo(picture.getvalue(), seen=0, actor=admin_actor, now=now)
    save("shop", {"tax_number": "VAT GB 123 4567 89"}, seen=1, actor=admin_actor, now=now)
    page, other = PdfReader(BytesIO(slip.render([_refund(), _refund()]))).pages
    assert [each.image.size for each in page.images if each.image] == [(600, 9)]
    assert len(other.images) == 1
    assert "VAT GB 123 4567 89" in page.extract_text()
