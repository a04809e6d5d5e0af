"""Send refund slip: by a real SMTP conversation, or to a file when no server is set."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from tests.delivery.mailbox import Mailbox, free_port, parsed
from tillbook.common.actor import Actor, Role
from tillbook.common.errors import KeyReused
from tillbook.common.mail import MailFailed, NoEmailAddress
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason, ReverseReason
from tillbook.customers.models import Customer
from tillbook.delivery.services import Sent, send_slip
from tillbook.events.models import Event
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund
from tillbook.refunds.slip import NoSlip
from tillbook.refunds.state import RefundNotFound
from tillbook.refunds.unclaimed import cancel

pytestmark = pytest.mark.django_db

_NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
_SYSTEM = Actor.system("test")
_ADMIN = Actor(name="ada", role=Role.ADMIN, origin="test", user_id=2)
_STAFF = Actor(name="olivia", role=Role.STAFF, origin="test", user_id=1)


def _refund(address: str = "amelie@example.org") -> Refund:
    customer = Customer.objects.create(
        username="amelie", first_name="Amélie", email=address, currency="GBP", created_at=_NOW
    )
    amount = Money(5000, customer.currency)
    credit.give(
        customer_id=customer.pk, amount=amount, reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, key="give", actor=_SYSTEM, now=_NOW,
    )  # fmt: skip
    return refunds.request(
        customer_id=customer.pk, amount=amount, method=Refund.Method.BANK_TRANSFER,
        payee=refunds.Payee(name="Amélie", bank_account="20-00-00 55779911"), payment_date=date(2026, 3, 6),
        key="refund", actor=_STAFF, now=_NOW,
    )  # fmt: skip


def _slip_events() -> list[Event]:
    return list(Event.objects.filter(action="refund.slip_sent"))


def test_the_customer_receives_the_slip(mailbox: Mailbox) -> None:
    refund = _refund()
    assert send_slip(refund.pk, key="send", actor=_STAFF, now=_NOW) == Sent(
        to="amelie@example.org", path=None
    )

    message = mailbox.only_message()
    assert message["To"] == "amelie@example.org"
    assert refund.number in message["Subject"]
    assert message["Auto-Submitted"] == "auto-generated"
    body = message.get_body(("plain",))
    assert body is not None
    assert "£50.00" in body.get_content()
    [attachment] = message.iter_attachments()
    assert attachment.get_filename() == f"{refund.number}.pdf"
    [page] = PdfReader(BytesIO(attachment.get_content())).pages
    assert refund.number in page.extract_text()


def _body(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return " ".join(body.get_content().split())


def test_the_message_says_how_the_refund_stands(mailbox: Mailbox) -> None:
    refund = _refund()
    send_slip(refund.pk, key="1", actor=_STAFF, now=_NOW)
    assert "recorded and not yet completed" in _body(mailbox.only_message())
    mailbox.envelopes.clear()
    refunds.complete(refund.pk, actor=_ADMIN, now=_NOW)
    send_slip(refund.pk, key="2", actor=_STAFF, now=_NOW)
    assert "The refund is completed." in _body(mailbox.only_message())


def test_the_message_of_a_declined_refund_promises_no_money(mailbox: Mailbox) -> None:
    refund = _refund()
    refunds.decline(refund.pk, reason="Wrong payee", actor=_ADMIN, now=_NOW)
    send_slip(refund.pk, key="send", actor=_STAFF, now=_NOW)
    body = _body(mailbox.only_message())
    assert "The refund was declined and no money is paid because of it." in body
    assert "paid separately" not in body
    assert "Wrong payee" not in body


def test_the_message_of_one_that_nobody_took_does_not_say_that_it_came_back(mailbox: Mailbox) -> None:
    refund = _refund()
    cancel(refund.pk, actor=_ADMIN, now=_NOW + timedelta(days=91))
    send_slip(refund.pk, key="send", actor=_STAFF, now=_NOW)
    body = _body(mailbox.only_message())
    assert "Nobody took the money of the refund. The credit is available to you again." in body
    assert "came back" not in body


def test_the_slip_of_a_reversal_is_never_sent(mailbox: Mailbox) -> None:
    refund = _refund()
    refunds.decline(refund.pk, reason="Wrong payee", actor=_ADMIN, now=_NOW)
    reversal = refunds.request_reversal(
        customer_id=refund.customer_id, credit_id=refund.sources.get().credit_id,
        reason=ReverseReason.DUPLICATE, note="", key="reverse", actor=_STAFF, now=_NOW,
    )  # fmt: skip
    with pytest.raises(NoSlip, match=f"{reversal.number} is a reversal"):
        send_slip(reversal.pk, key="send", actor=_STAFF, now=_NOW)
    assert mailbox.envelopes == []
    assert _slip_events() == []


def test_the_same_key_sends_one_message(mailbox: Mailbox) -> None:
    refund = _refund()
    first = send_slip(refund.pk, key="send", actor=_STAFF, now=_NOW)
    Customer.objects.filter(pk=refund.customer_id).update(email="")
    assert send_slip(refund.pk, key="send", actor=_STAFF, now=_NOW) == first
    assert len(mailbox.envelopes) == 1
    assert len(_slip_events()) == 1


def test_another_key_sends_another_message(mailbox: Mailbox) -> None:
    refund = _refund()
    for key in ("first", "second"):
        send_slip(refund.pk, key=key, actor=_STAFF, now=_NOW)
    assert len(mailbox.envelopes) == 2
    assert len(_slip_events()) == 2


def test_a_key_that_stood_for_something_else_sends_nothing(mailbox: Mailbox) -> None:
    refund = _refund()
    with pytest.raises(KeyReused):
        send_slip(refund.pk, key="refund", actor=_STAFF, now=_NOW)
    assert mailbox.envelopes == []
    assert _slip_events() == []


def test_the_same_key_finds_the_file_written_before(settings: Any, tmp_path: Path) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "outbox")
    refund = _refund()
    sent = [
        send_slip(refund.pk, key="send", actor=_STAFF, now=_NOW + timedelta(hours=each)) for each in range(2)
    ]
    assert sent[0] == sent[1]
    assert list((tmp_path / "outbox").iterdir()) == [sent[0].path]


def test_the_event_says_who_sent_it_where(mailbox: Mailbox) -> None:
    refund = _refund()
    send_slip(refund.pk, key="send", actor=_STAFF, now=_NOW)
    [event] = _slip_events()
    assert (event.subject, event.customer_id, event.actor_name) == (
        refund.number,
        refund.customer_id,
        "olivia",
    )
    assert event.data == {"to": "amelie@example.org", "file": None}


def test_without_a_server_the_message_is_a_file(settings: Any, tmp_path: Path) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "outbox")
    refund = _refund()
    sent = send_slip(refund.pk, key="send", actor=_STAFF, now=_NOW)
    assert sent.path == tmp_path / "outbox" / f"{refund.number}-20260304T120000000000.eml"
    message = parsed(sent.path.read_bytes())
    assert message["To"] == "amelie@example.org"
    assert [part.get_content_type() for part in message.iter_attachments()] == ["application/pdf"]
    [event] = _slip_events()
    assert event.data["file"] == sent.path.name


def test_a_customer_without_an_address_is_refused(mailbox: Mailbox) -> None:
    refund = _refund(address="")
    with pytest.raises(NoEmailAddress, match="amelie has no e-mail address"):
        send_slip(refund.pk, key="send", actor=_STAFF, now=_NOW)
    assert mailbox.envelopes == []
    assert _slip_events() == []


def test_an_address_with_a_line_break_is_refused(mailbox: Mailbox) -> None:
    refund = _refund()
    type(refund.customer).objects.filter(pk=refund.customer_id).update(
        email="a@example.org\nBcc: all@example.org"
    )
    with pytest.raises(NoEmailAddress, match="is not an e-mail address"):
        send_slip(refund.pk, key="send", actor=_STAFF, now=_NOW)
    assert mailbox.envelopes == []


def test_a_line_break_in_the_shops_name_adds_no_header(mailbox: Mailbox, settings: Any) -> None:
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, name="Wick\r\nBcc: all@example.org")
    send_slip(_refund().pk, key="send", actor=_STAFF, now=_NOW)
    assert mailbox.only_message()["Bcc"] is None
    assert mailbox.envelopes[0].rcpt_tos == ["amelie@example.org"]


def test_a_server_that_refuses_the_address_is_a_clear_refusal(mailbox: Mailbox) -> None:
    refund = _refund(address="amelie@refused.example")
    with pytest.raises(MailFailed, match=r"amelie@refused\.example.*no such mailbox"):
        send_slip(refund.pk, key="send", actor=_STAFF, now=_NOW)
    assert _slip_events() == []


def test_a_server_that_does_not_answer_is_a_clear_refusal(mailbox: Mailbox, settings: Any) -> None:
    settings.EMAIL_PORT = free_port()
    with pytest.raises(MailFailed, match="did not take the message"):
        send_slip(_refund().pk, key="send", actor=_STAFF, now=_NOW)
    assert _slip_events() == []


def test_an_unknown_refund_is_not_found(mailbox: Mailbox) -> None:
    with pytest.raises(RefundNotFound):
        send_slip(987654, key="send", actor=_STAFF, now=_NOW)
