"""Send refund slip: by a real SMTP conversation, or to a file when no server is set."""

from __future__ import annotations

import email
import email.policy
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope
from pypdf import PdfReader

from tillbook.common.actor import Actor, Role
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason
from tillbook.customers.models import Customer
from tillbook.delivery.services import MailFailed, NoEmailAddress, Sent, send_slip
from tillbook.events.models import Event
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund
from tillbook.refunds.services import RefundNotFound

pytestmark = pytest.mark.django_db

_NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
_SYSTEM = Actor.system("test")
_STAFF = Actor(name="olivia", role=Role.STAFF, origin="test", user_id=1)


class Mailbox:
    """An SMTP handler that keeps what it is given, and refuses the addresses of one domain."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_RCPT(self, *conversation: Any) -> str:
        _server, _session, envelope, address, _options = conversation
        if address.endswith("@refused.example"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, *conversation: Any) -> str:
        _server, _session, envelope = conversation
        self.envelopes.append(envelope)
        return "250 OK"

    def only_message(self) -> EmailMessage:
        [envelope] = self.envelopes
        assert isinstance(envelope.content, bytes)
        return _parsed(envelope.content)


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=_free_port())
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", controller.port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    yield box
    controller.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _parsed(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


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
    assert send_slip(refund.pk, actor=_STAFF, now=_NOW) == Sent(to="amelie@example.org", path=None)

    message = mailbox.only_message()
    assert message["To"] == "amelie@example.org"
    assert refund.number in message["Subject"]
    body = message.get_body(("plain",))
    assert body is not None
    assert "£50.00" in body.get_content()
    [attachment] = message.iter_attachments()
    assert attachment.get_filename() == f"{refund.number}.pdf"
    [page] = PdfReader(BytesIO(attachment.get_content())).pages
    assert refund.number in page.extract_text()


def test_the_event_says_who_sent_it_where(mailbox: Mailbox) -> None:
    refund = _refund()
    send_slip(refund.pk, actor=_STAFF, now=_NOW)
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
    sent = send_slip(refund.pk, actor=_STAFF, now=_NOW)
    assert sent.path == tmp_path / "outbox" / f"{refund.number}-20260304T120000000000.eml"
    message = _parsed(sent.path.read_bytes())
    assert message["To"] == "amelie@example.org"
    assert [part.get_content_type() for part in message.iter_attachments()] == ["application/pdf"]
    [event] = _slip_events()
    assert event.data["file"] == sent.path.name


def test_a_customer_without_an_address_is_refused(mailbox: Mailbox) -> None:
    refund = _refund(address="")
    with pytest.raises(NoEmailAddress, match="amelie has no e-mail address"):
        send_slip(refund.pk, actor=_STAFF, now=_NOW)
    assert mailbox.envelopes == []
    assert _slip_events() == []


def test_an_address_with_a_line_break_is_refused(mailbox: Mailbox) -> None:
    refund = _refund()
    type(refund.customer).objects.filter(pk=refund.customer_id).update(
        email="a@example.org\nBcc: all@example.org"
    )
    with pytest.raises(NoEmailAddress, match="is not an e-mail address"):
        send_slip(refund.pk, actor=_STAFF, now=_NOW)
    assert mailbox.envelopes == []


def test_a_line_break_in_the_shops_name_adds_no_header(mailbox: Mailbox, settings: Any) -> None:
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, name="Wick\r\nBcc: all@example.org")
    send_slip(_refund().pk, actor=_STAFF, now=_NOW)
    assert mailbox.only_message()["Bcc"] is None
    assert mailbox.envelopes[0].rcpt_tos == ["amelie@example.org"]


def test_a_server_that_refuses_the_address_is_a_clear_refusal(mailbox: Mailbox) -> None:
    refund = _refund(address="amelie@refused.example")
    with pytest.raises(MailFailed, match=r"amelie@refused\.example.*no such mailbox"):
        send_slip(refund.pk, actor=_STAFF, now=_NOW)
    assert _slip_events() == []


def test_a_server_that_does_not_answer_is_a_clear_refusal(mailbox: Mailbox, settings: Any) -> None:
    settings.EMAIL_PORT = _free_port()
    with pytest.raises(MailFailed, match="did not take the message"):
        send_slip(_refund().pk, actor=_STAFF, now=_NOW)
    assert _slip_events() == []


def test_an_unknown_refund_is_not_found(mailbox: Mailbox) -> None:
    with pytest.raises(RefundNotFound):
        send_slip(987654, actor=_STAFF, now=_NOW)
