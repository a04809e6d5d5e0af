"""Send adjustment note: as a slip is sent, with the same care."""

from __future__ import annotations

from datetime import datetime
from io import BytesIO

import pytest
from pypdf import PdfReader

from tests.delivery.mailbox import Mailbox, free_port
from tests.orders.till import Till
from tillbook.common.actor import Actor
from tillbook.common.errors import KeyReused, PermissionDenied
from tillbook.common.mail import MailFailed, NoEmailAddress
from tillbook.customers.models import Customer
from tillbook.delivery.services import Sent, send_note
from tillbook.events.models import Event
from tillbook.returns import queries
from tillbook.returns.models import Rma
from tillbook.returns.note import NoAdjustmentNote
from tillbook.returns.queries import RmaNotFound
from tillbook.returns.services import RmaLineInput


@pytest.fixture
def till(staff_actor: Actor, now: datetime) -> Till:
    return Till(staff_actor, now)


@pytest.fixture
def rma(till: Till) -> Rma:
    Customer.objects.filter(pk=till.customer.pk).update(first_name="Amélie", email="amelie@example.org")
    made = till.close(till.open_rma(None, RmaLineInput(None, "CUP", "A cup", 1, 5000), note="internal"))
    return queries.by_number(made.number)


def _events() -> list[Event]:
    return list(Event.objects.filter(action="rma.note_sent"))


def test_the_customer_receives_the_note_once_for_each_key(till: Till, rma: Rma, mailbox: Mailbox) -> None:
    by = {"actor": till.staff, "now": till.now}
    first = send_note(rma.pk, key="send", **by)
    assert first == Sent(to="amelie@example.org", path=None)
    Customer.objects.filter(pk=rma.customer_id).update(email="")
    assert send_note(rma.pk, key="send", **by) == first
    message = mailbox.only_message()
    assert (message["To"], rma.adjustment_note in message["Subject"]) == ("amelie@example.org", True)
    assert message["Auto-Submitted"] == "auto-generated"
    body = message.get_body(("plain",))
    assert body is not None
    assert "Dear Amélie," in body.get_content()
    assert "£50.00" in body.get_content()
    [attachment] = message.iter_attachments()
    assert attachment.get_filename() == f"{rma.adjustment_note}.pdf"
    [page] = PdfReader(BytesIO(attachment.get_content())).pages
    assert rma.number in page.extract_text()
    assert "internal" not in page.extract_text() + body.get_content()
    [event] = _events()
    assert (event.subject, event.data) == (rma.number, {"to": "amelie@example.org", "file": None})
    other = till.close(till.open_rma(None, RmaLineInput(None, "CUP", "A cup", 1, 100)))
    with pytest.raises(KeyReused):
        send_note(other.pk, key="send", **by)


def test_what_can_not_be_sent_is_refused_and_leaves_no_trace(
    till: Till, rma: Rma, mailbox: Mailbox, viewer_actor: Actor, settings
) -> None:
    by = {"key": "send", "actor": till.staff, "now": till.now}
    unfinished = till.open_rma(None, RmaLineInput(None, "CUP", "A cup", 1, 100))
    with pytest.raises(NoAdjustmentNote):
        send_note(unfinished.pk, **by)
    with pytest.raises(RmaNotFound):
        send_note(987654, **by)
    with pytest.raises(PermissionDenied):
        send_note(rma.pk, **{**by, "actor": viewer_actor})
    settings.EMAIL_PORT = free_port()
    with pytest.raises(MailFailed, match="did not take the message"):
        send_note(rma.pk, **by)
    Customer.objects.filter(pk=rma.customer_id).update(email="")
    with pytest.raises(NoEmailAddress, match="or print it instead"):
        send_note(rma.pk, **by)
    assert (mailbox.envelopes, _events()) == ([], [])
