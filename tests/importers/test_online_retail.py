"""The Online Retail file: what is taken, what is left out and why, and that nothing comes twice."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db.models import Sum

from tillbook.common.actor import Actor
from tillbook.credit.models import Credit
from tillbook.credit.queries import balance_of
from tillbook.customers.models import Customer
from tillbook.events.models import Event
from tillbook.importers.delimited import UnreadableFile
from tillbook.importers.online_retail import Report, import_file
from tillbook.importers.online_retail_rows import HEADER, LeftOut
from tillbook.ledger.models import Transfer
from tillbook.ledger.verification import verify
from tillbook.orders.models import Order, OrderLine, Payment
from tillbook.returns.models import Rma, RmaLine

PROJECT = Path(__file__).parents[2]
SLICE = PROJECT / "examples" / "online-retail-slice.csv"
WHOLE = PROJECT.parent / "shared" / "data" / "online-retail" / "online-retail.csv.gz"

NOW = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
SYSTEM = Actor.system("test")


def written(folder: Path, *rows: str, name: str = "file.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([",".join(HEADER), *rows, ""]))
    return path


def sale(
    number="536365", sku="A1", quantity="4", at="2010-12-01 08:26:00", price="2.55", customer="17850.0"
) -> str:
    return f"{number},{sku},A THING,{quantity},{at},{price},{customer},United Kingdom"


def imported(path: Path) -> Report:
    return import_file(path, actor=SYSTEM, now=NOW)


def row_counts() -> dict[str, int]:
    models = (Customer, Order, OrderLine, Payment, Rma, RmaLine, Credit, Transfer, Event)
    return {model.__name__: model.objects.count() for model in models}


@pytest.mark.django_db
@pytest.mark.parametrize("at", ["9999-12-31 23:00:00", "2026-03-02 10:31:00"])
def test_what_is_dated_in_the_future_is_left_out(tmp_path: Path, at: str) -> None:
    report = imported(written(tmp_path, sale(), sale(number="536366", at=at)))
    assert list(Order.objects.values_list("number", flat=True)) == ["536365"]
    assert report.omissions.rows == {LeftOut.DATE: 1}


@pytest.mark.django_db
def test_an_order_is_placed_and_paid_in_full_on_its_date_and_its_customer_is_added(tmp_path: Path) -> None:
    report = imported(written(tmp_path, sale(), sale(sku="B2", quantity="3", price="0.335")))

    order = Order.objects.get(number="536365")
    assert (order.customer.username, order.customer.country) == ("17850", "United Kingdom")
    assert [(line.sku, line.quantity, line.amount_minor) for line in order.lines.order_by("position")] == [
        ("A1", 4, 1020),
        ("B2", 3, 101),  # 1.005 rounds half up
    ]
    assert (order.total_minor, order.received_minor, order.paid_status) == (1121, 1121, "fully_paid")
    payment = order.payments.get()
    assert (payment.amount_minor, payment.received_at) == (1121, datetime(2010, 12, 1, 8, 26, tzinfo=UTC))
    assert (report.rows_taken, report.customers, report.orders.count, report.orders.minor) == (2, 1, 1, 1121)


@pytest.mark.django_db
def test_a_summer_time_is_read_as_the_shops_local_time(tmp_path: Path) -> None:
    imported(written(tmp_path, sale(at="2011-07-01 12:00:00")))
    assert Order.objects.get().placed_at == datetime(2011, 7, 1, 11, 0, tzinfo=UTC)


@pytest.mark.django_db
def test_a_document_takes_the_earliest_of_its_rows_times(tmp_path: Path) -> None:
    imported(written(tmp_path, sale(at="2010-12-01 08:27:00"), sale(sku="B2", at="2010-12-01 08:26:00")))
    assert Order.objects.get().placed_at == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)


@pytest.mark.django_db
def test_a_return_is_a_closed_rma_whose_value_is_credit_linked_to_the_latest_order_before_it(
    tmp_path: Path,
) -> None:
    imported(
        written(
            tmp_path,
            sale("536365", at="2010-12-01 08:26:00"),
            sale("536366", at="2010-12-02 08:26:00"),
            sale("C536367", quantity="-3", at="2010-12-03 08:26:00"),
            sale("536368", at="2010-12-04 08:26:00"),
        )
    )
    rma = Rma.objects.get(document="C536367")
    line = rma.lines.get()
    assert (rma.status, rma.outcome, rma.total_minor) == ("closed", "credit", 765)
    assert rma.order is not None and rma.order.number == "536366"
    assert line.order_line is not None and line.order_line.order == rma.order
    assert (line.order_line.returned_quantity, line.order_line.returned_minor) == (3, 765)
    assert rma.order.returned_minor == 765
    credit = Credit.objects.get(id=rma.credit_id)
    assert (credit.issued_minor, credit.source, credit.source_reference) == (765, "return", rma.number)
    assert credit.issued_at == datetime(2010, 12, 3, 8, 26, tzinfo=UTC)
    balance = balance_of(rma.customer_id, "GBP")
    assert (balance.available_minor, balance.held_minor, balance.owing_minor) == (765, 0, 0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("returned", "why"),
    [
        ({"quantity": "-5"}, "more pieces than the order had"),
        ({"quantity": "-1", "price": "10.21"}, "more money than the line has"),
        ({"sku": "B2"}, "another stock code"),
        ({"customer": "17851.0"}, "another customer's order"),
        ({"at": "2010-12-01 08:26:00"}, "not after the order"),
    ],
)
def test_a_return_that_no_order_covers_stands_without_an_order(
    tmp_path: Path, returned: dict[str, str], why: str
) -> None:
    row = sale(**{"number": "C536367", "quantity": "-4", "at": "2010-12-03 08:26:00", **returned})
    imported(written(tmp_path, sale(), row))
    rma = Rma.objects.get()
    assert (rma.order, rma.lines.get().order_line, rma.credit_id is not None) == (None, None, True), why
    assert Order.objects.get().returned_minor == 0


@pytest.mark.django_db
def test_what_was_returned_before_counts_against_the_order(tmp_path: Path) -> None:
    imported(
        written(
            tmp_path,
            sale(),
            sale("C536367", quantity="-3", at="2010-12-03 08:26:00"),
            sale("C536368", quantity="-2", at="2010-12-04 08:26:00"),
            sale("C536369", quantity="-1", at="2010-12-05 08:26:00"),
        )
    )
    linked = {rma.document: rma.order is not None for rma in Rma.objects.all()}
    assert linked == {"C536367": True, "C536368": False, "C536369": True}
    line = OrderLine.objects.get()
    assert (line.returned_quantity, line.returned_minor) == (4, 1020)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("row", "why"),
    [
        (sale(customer=""), LeftOut.NO_CUSTOMER),
        (sale(customer="Mrs Smith"), LeftOut.CUSTOMER),
        (sale("A563185"), LeftOut.NUMBER),
        (sale(sku=""), LeftOut.STOCK_CODE),
        (sale(quantity="two"), LeftOut.QUANTITY),
        (sale(quantity="1.5"), LeftOut.QUANTITY),
        (sale(quantity="0"), LeftOut.ZERO_QUANTITY),
        (sale(quantity="-1"), LeftOut.SIGN),
        (sale("C536365", quantity="1"), LeftOut.SIGN),
        (sale(price="-1"), LeftOut.PRICE),
        (sale(price="1e30"), LeftOut.PRICE),
        (sale(price="NaN"), LeftOut.PRICE),
        (sale(quantity="999999999", price="999999999"), LeftOut.TOO_LARGE),
        (sale(at="2010-13-01 08:26:00"), LeftOut.DATE),
        (sale("C536365", quantity="-1", price="0"), LeftOut.NO_VALUE),
        ("536365,A1", LeftOut.COLUMNS),
    ],
)
def test_a_bad_row_is_left_out_counted_by_its_reason_and_the_next_is_taken(
    tmp_path: Path, row: str, why: LeftOut
) -> None:
    report = imported(written(tmp_path, row, sale("536400")))
    assert dict(report.omissions.rows) == {why: 1}
    assert report.omissions.first_row == {why: 2}
    assert (report.rows, report.rows_taken, report.rows_left_out) == (2, 1, 1)
    assert list(Order.objects.values_list("number", flat=True)) == ["536400"]


@pytest.mark.django_db
def test_a_row_of_another_customer_is_left_out_of_the_document(tmp_path: Path) -> None:
    report = imported(written(tmp_path, sale(), sale(sku="B2", customer="17851.0")))
    assert dict(report.omissions.rows) == {LeftOut.OTHER_CUSTOMER: 1}
    assert Order.objects.get().total_minor == 1020


@pytest.mark.django_db
def test_an_order_that_is_here_with_other_content_is_left_as_it_is(tmp_path: Path) -> None:
    imported(written(tmp_path, sale()))
    report = imported(written(tmp_path, sale(quantity="5")))
    assert dict(report.omissions.rows) == {LeftOut.DIFFERS: 1}
    assert Order.objects.get().total_minor == 1020


@pytest.mark.django_db
def test_the_slice_comes_in_once_however_often_it_is_imported() -> None:
    first = imported(SLICE)
    assert (first.rows, first.rows_taken, first.rows_left_out) == (3838, 3813, 25)
    assert dict(first.omissions.rows) == {LeftOut.NO_CUSTOMER: 25}
    before = row_counts()

    second = imported(SLICE)
    assert (second.rows_taken, second.rows_here_already, second.customers) == (0, 3813, 0)
    assert second.orders_here_already == first.orders
    assert second.returns_here_already == first.returns
    assert row_counts() == before
    assert not verify().broken


@pytest.mark.django_db
def test_a_file_that_breaks_off_keeps_its_whole_parts_and_the_next_run_adds_the_rest(tmp_path: Path) -> None:
    whole = written(tmp_path, *(sale(str(600_000 + each)) for each in range(5_700)))
    broken = tmp_path / "broken.csv"
    broken.write_bytes(whole.read_bytes() + b"\xff\n")
    with pytest.raises(UnreadableFile, match="row 5702: not UTF-8 text"):
        imported(broken)
    assert Order.objects.count() == 500

    report = imported(whole)
    assert (report.orders_here_already.count, report.orders.count) == (500, 5200)
    assert (Order.objects.count(), OrderLine.objects.count()) == (5700, 5700)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "a.csv: the file is empty."),
        ("a.csv.gz", gzip.compress(b""), "a.csv.gz: the file is empty."),
        ("a.csv", b"a,b,c\n1,2,3\n", f"a.csv: row 1: the header must be {','.join(HEADER)}."),
        ("a.csv.gz", b"InvoiceNo", "a.csv.gz: its name ends in .gz, but it is not a gzip file."),
        ("a.csv.gz", gzip.compress(SLICE.read_bytes())[:5000], "the gzip file is damaged or cut off."),
        (
            "a.csv",
            SLICE.read_text().encode("utf-16"),
            "a.csv: row 1: not UTF-8 text; save the file as UTF-8.",
        ),
        ("a.csv", ",".join(HEADER).encode() + b'\n536365,"A1\n', "a.csv: row 2: not valid CSV"),
        ("a.csv", b"x" * 2_000_000, "a.csv: row 1: the line is too long for a CSV file of this kind."),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UnreadableFile) as refusal:
        imported(path)
    assert message in refusal.value.message
    assert "\n" not in refusal.value.message


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="No such file"):
        imported(tmp_path / "none.csv")


@pytest.mark.whole_file
@pytest.mark.usefixtures("own_database")  # commits, so that PostgreSQL learns how large its tables are
@pytest.mark.skipif(not WHOLE.exists(), reason="the whole data set is not beside this checkout")
def test_the_whole_file_gives_the_known_answers() -> None:
    report = imported(WHOLE)

    assert (report.rows, report.rows_taken) == (541_909, 406_829)
    assert dict(report.omissions.rows) == {LeftOut.NO_CUSTOMER: 135_080}
    assert (report.customers, Customer.objects.count()) == (4372, 4372)
    orders = Order.objects.aggregate(total=Sum("total_minor"), received=Sum("received_minor"))
    assert (Order.objects.count(), orders) == (18_536, {"total": 891_140_790, "received": 891_140_790})
    assert Payment.objects.count() == 18_532
    assert (Credit.objects.count(), Credit.objects.values("customer").distinct().count()) == (3654, 1589)
    assert Credit.objects.aggregate(total=Sum("issued_minor")) == {"total": 61_134_209}
    proof = verify()
    assert (proof.accounts, proof.transfers, proof.broken) == (3654, 3654, [])

    before = row_counts()
    assert imported(WHOLE).rows_here_already == 406_829
    assert row_counts() == before
