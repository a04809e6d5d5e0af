"""Pay Refund from the customer's page to the bank: procedures 1 to 6 of the manual."""

from __future__ import annotations

import email
import email.policy
from io import BytesIO
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pypdf import PdfReader
from pytest_django import Settings

from tests.browser import pages
from tests.browser.shop import Shop
from tests.browser.windows import Windows


@pytest.mark.parametrize("java_script", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_staff_start_a_refund_and_an_admin_completes_it(windows: Windows, shop: Shop, java_script: bool):
    deposit, goodwill = shop.deposit(12_000), shop.goodwill(3_000)
    waiting, later = shop.ask(1_000), shop.ask(500)

    staff = windows.open(java_script=java_script)
    pages.log_in(staff, "staff")
    pages.open_customer(staff, "jo")
    assert pages.account(staff) == ["£135.00", "£15.00", "£0.00"]
    pages.follow(pages.row(pages.part(staff, "Credits"), deposit.number), "Pay Refund")
    expect(staff.get_by_label("Refund amount")).to_have_value("105.00")
    pages.pay_refund(staff, "45.50", note="Rang on Monday")

    number = _number_of(staff)
    expect(pages.heading(staff)).to_have_text(f"Refund {number} Requested")
    expect(staff.get_by_text("Recording a refund moves no money.")).to_be_visible()
    expect(staff.get_by_text("The shop must still pay £45.50 to Jo Marsh (Bank transfer).")).to_be_visible()
    expect(staff.get_by_role("button", name="Mark as Paid and Complete")).to_have_count(0)
    assert shop.refunds()[2:] == [(number, "requested", 4_550)]
    assert shop.figures == (8_950, 6_050, 0)
    pages.open_customer(staff, "jo")
    assert pages.account(staff) == ["£89.50", "£60.50", "£0.00"]
    assert pages.cells(pages.part(staff, "Credits"), deposit.number)[3:5] == ["£60.50", "£120.00"]
    pages.go_to(staff, "Refunds")
    expect(staff.get_by_role("button", name="Mark as Paid and Complete")).to_have_count(0)

    admin = windows.open(java_script=java_script)
    pages.log_in(admin, "admin")
    pages.go_to(admin, "Refunds")
    for each in (number, waiting.number):
        admin.get_by_label(f"Select {each}", exact=True).check()
    if java_script:
        expect(admin.get_by_text("2 selected · 55.50 GBP")).to_be_visible()
        admin.evaluate("""() => {
            const tally = document.querySelector("[data-tally]").dataset;
            [tally.group, tally.decimal] = [".", ","];
        }""")
        admin.get_by_label(f"Select {number}", exact=True).uncheck()
        expect(admin.get_by_text("1 selected · 10,00 GBP")).to_be_visible()
        admin.get_by_label(f"Select {number}", exact=True).check()
    pages.click(admin, "Mark as Paid and Complete")

    expect(pages.heading(admin)).to_have_text("2 of 2 marked as paid and complete")
    assert pages.cells(admin, number) == [number, "Completed", "£45.50"]
    assert pages.cells(admin, waiting.number) == [waiting.number, "Completed", "£10.00"]
    assert shop.refunds() == [
        (waiting.number, "completed", 1_000),
        (later.number, "requested", 500),
        (number, "completed", 4_550),
    ]
    assert shop.figures == (8_950, 500, 0)
    assert shop.left_of(deposit) == (6_450, 500)
    assert shop.left_of(goodwill) == (3_000, 0)
    pages.open_customer(admin, "jo")
    assert pages.account(admin) == ["£89.50", "£5.00", "£0.00"]
    assert pages.cells(pages.part(admin, "Credits"), deposit.number)[3:5] == ["£5.00", "£64.50 of £120.00"]


def _number_of(page: Page) -> str:
    """The number of the refund whose page this is."""
    expect(pages.heading(page)).to_contain_text("Requested")
    return page.url.rstrip("/").rpartition("/")[2]


@pytest.mark.alike
def test_completing_the_refund_of_a_whole_credit_leaves_nothing_of_it(windows: Windows, shop: Shop):
    deposit = shop.deposit(12_000)
    refund = shop.ask(12_000)
    admin = windows.open("admin", "/refunds/")
    pages.follow(admin, refund.number)
    pages.click(admin, "Mark as Paid and Complete")
    expect(pages.notice(admin)).to_have_text(f"{refund.number} is marked as paid and complete.")
    expect(pages.heading(admin)).to_have_text(f"Refund {refund.number} Completed")
    expect(admin.get_by_role("button", name="Mark as Paid and Complete")).to_have_count(0)
    assert shop.figures == (0, 0, 0)
    admin.goto("/customers/jo/")
    assert pages.account(admin) == ["£0.00", "£0.00", "£0.00"]
    pages.follow(pages.part(admin, "Credits"), "All, used-up ones too")
    assert pages.cells(admin, deposit.number)[3:] == ["£0.00", "£0.00 of £120.00", ""]
    admin.goto("/customers/jo/")
    pages.follow(pages.part(admin, "Account"), "Pay Refund")
    expect(admin.get_by_text("Nothing can be paid out")).to_be_visible()
    expect(admin.get_by_role("button", name="Process Refund")).to_have_count(0)


@pytest.mark.alike
def test_pay_refund_of_the_account_pays_from_all_refundable_credits(windows: Windows, shop: Shop):
    first, goodwill, second = shop.deposit(2_000), shop.goodwill(3_000), shop.deposit(5_000)
    staff = windows.open("staff", "/customers/jo/")
    pages.follow(pages.part(staff, "Account"), "Pay Refund")
    expect(staff.get_by_label("Refund amount")).to_have_value("70.00")
    pages.pay_refund(staff, "45.50")
    number = _number_of(staff)
    sources = pages.part(staff, "Credits it comes from")
    assert pages.cells(sources, first.number)[4] == "£20.00"
    assert pages.cells(sources, second.number)[4] == "£25.50"
    assert shop.refunds() == [(number, "requested", 4_550)]
    assert [shop.left_of(each) for each in (first, goodwill, second)] == [
        (2_000, 2_000),
        (3_000, 0),
        (5_000, 2_550),
    ]


@pytest.mark.alike
def test_an_admin_declines_with_a_reason_and_the_amount_is_available_again(windows: Windows, shop: Shop):
    shop.deposit(12_000)
    refund = shop.ask(4_550)
    admin = windows.open("admin", f"/refunds/{refund.number}/")
    admin.get_by_text("Decline", exact=True).click()
    with windows.provoking(admin, 422):
        pages.click(admin, "Decline this refund")
    reason = admin.get_by_label("Reason for declining")
    expect(reason).to_be_visible()
    expect(reason).to_have_accessible_description("Say why the refund is declined.")
    assert shop.refunds() == [(refund.number, "requested", 4_550)]
    assert shop.figures == (7_450, 4_550, 0)

    reason.fill("The bank knows no such account.")
    pages.click(admin, "Decline this refund")
    expect(pages.notice(admin)).to_have_text(f"{refund.number} is declined. Its amount is available again.")
    expect(pages.heading(admin)).to_have_text(f"Refund {refund.number} Declined")
    expect(admin.get_by_text("admin declined this refund: “The bank knows no such account.”")).to_be_visible()
    assert shop.refunds() == [(refund.number, "declined", 4_550)]
    assert shop.figures == (12_000, 0, 0)
    admin.goto("/customers/jo/")
    assert pages.account(admin) == ["£120.00", "£0.00", "£0.00"]


_POST = """async ([address, fields]) => {
  const token = document.querySelector("input[name=csrfmiddlewaretoken]").value;
  const body = new URLSearchParams({ csrfmiddlewaretoken: token, ...fields });
  return (await fetch(address, { method: "POST", body })).status;
}"""


@pytest.mark.alike
def test_staff_who_post_to_an_admin_s_address_are_refused_by_the_server(windows: Windows, shop: Shop):
    shop.deposit(12_000)
    refund = shop.ask(4_550)
    staff = windows.open("staff", f"/refunds/{refund.number}/")
    for address, fields in (
        (f"/refunds/{refund.number}/complete/", {}),
        ("/refunds/complete/", {"selected": str(refund.pk)}),
        (f"/refunds/{refund.number}/decline/", {"reason": "No such payee"}),
    ):
        with windows.provoking(staff, 403):
            assert staff.evaluate(_POST, [address, fields]) == 403
        assert shop.refunds() == [(refund.number, "requested", 4_550)]
        assert shop.figures == (7_450, 4_550, 0)


@pytest.mark.alike
def test_the_refund_slip_is_a_pdf_that_says_what_the_page_says(windows: Windows, shop: Shop):
    shop.deposit(12_000)
    refund = shop.ask(4_550)
    staff = windows.open("staff", f"/refunds/{refund.number}/")
    address = staff.get_by_role("link", name="Print refund slip").get_attribute("href")
    answer = staff.request.get(str(address))
    assert answer.headers["content-type"] == "application/pdf"
    text = _text_of(answer.body())
    for each in (refund.number, "Jo Marsh", "£45.50"):
        assert each in text
    assert shop.figures == (7_450, 4_550, 0)


def _text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)


@pytest.mark.alike
def test_slips_are_printed_from_the_refund_s_page_and_from_the_queue(windows: Windows, shop: Shop):
    shop.deposit(12_000)
    refund = shop.ask(4_550)
    staff = windows.open("staff", f"/refunds/{refund.number}/")
    with staff.expect_popup() as opened:
        pages.follow(staff, "Print refund slip")
    expect(opened.value).to_have_url(f"{staff.url}slip.pdf")
    pages.go_to(staff, "Refunds")
    staff.get_by_label(f"Select {refund.number}", exact=True).check()
    with staff.expect_response("**/refunds/slips.pdf") as printed:
        pages.click(staff, "Print")
    assert printed.value.headers["content-type"] == "application/pdf"
    # A PDF names no icon, so the browser asks for this one and logs an error where it is missing.
    assert staff.request.get("/favicon.ico").ok


@pytest.mark.alike
def test_send_refund_slip_names_the_file_and_the_file_is_the_mail(
    windows: Windows, shop: Shop, settings: Settings, tmp_path: Path
):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path / "outbox"
    shop.deposit(12_000)
    refund = shop.ask(4_550)
    staff = windows.open("staff", f"/refunds/{refund.number}/")
    pages.click(staff, "Send refund slip")
    expect(pages.notice(staff)).to_contain_text("to jo@example.com was written to")
    [file] = (tmp_path / "outbox").iterdir()
    expect(pages.notice(staff)).to_contain_text(str(file))
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    [slip] = message.iter_attachments()
    assert message["To"] == "jo@example.com"
    assert slip.get_filename() == f"{refund.number}.pdf"
    assert "£45.50" in _text_of(slip.get_content())


@pytest.mark.alike
def test_the_queue_is_filtered_and_a_selection_of_it_exported(windows: Windows, shop: Shop):
    shop.deposit(12_000)
    small, large = shop.ask(500), shop.ask(4_550)
    staff = windows.open("staff", "/refunds/")
    staff.get_by_label("Amount from").fill("20")
    pages.click(staff, "Filter")
    expect(staff.get_by_role("link", name=large.number)).to_be_visible()
    expect(staff.get_by_role("link", name=small.number)).to_have_count(0)
    pages.follow(staff, "Clear")
    staff.get_by_label(f"Select {small.number}", exact=True).check()
    with staff.expect_download() as export:
        pages.click(staff, "Export CSV")
    rows = Path(export.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert [row.split(",")[0] for row in rows] == ['"number"', f'"{small.number}"']
    assert shop.refunds() == [(small.number, "requested", 500), (large.number, "requested", 4_550)]
