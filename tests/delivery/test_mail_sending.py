"""Sending mails: each at most once, whatever the mail server or the process does."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.db import connection
from django.utils import timezone

from tests.delivery.mailbox import Mailbox, free_port, parsed
from tests.delivery.mailing import ADMIN, STAFF, Mailing, text
from tests.delivery.test_running import wait_for
from tillbook.common.actor import Actor
from tillbook.common.errors import PermissionDenied, WrongState
from tillbook.common.mail_kinds import MailKind
from tillbook.customers.models import Customer
from tillbook.delivery import mails
from tillbook.delivery.mail_finding import find
from tillbook.delivery.mail_sending import A_ROUND, LEASE, PAUSES, ServerAway, claim, send_due
from tillbook.delivery.models import Mail
from tillbook.delivery.running import deliver
from tillbook.events.models import Event
from tillbook.shop import policies
from tillbook.shop.models import Version


@pytest.fixture
def told(mailing: Mailing) -> Mail:
    """A mail that is due."""
    mailing.switch(MailKind.CREDIT_ISSUED)
    mailing.give(mailing.customer())
    find(mailing.watch, mailing.now)
    return mailing.only()


class Moody(Mailbox):
    """Answers what it is told to, after keeping the message or before."""

    def __init__(self, answer: str, *, keeps: bool = False) -> None:
        super().__init__()
        self.answer, self.keeps, self.tries = answer, keeps, 0

    async def handle_DATA(self, *conversation: Any) -> str:
        self.tries += 1
        if self.keeps:
            await super().handle_DATA(*conversation)
        return self.answer


class Rude(Moody):
    """Takes the message, then hangs up without an answer."""

    async def handle_DATA(self, *conversation: Any) -> str:
        await super().handle_DATA(*conversation)
        conversation[0].transport.abort()
        return ""


@contextmanager
def served(box: Mailbox, settings: Any) -> Iterator[None]:
    controller = Controller(box, hostname="127.0.0.1", port=free_port(), ready_timeout=60)
    controller.start()
    settings.EMAIL_PORT = controller.port
    try:
        yield
    finally:
        controller.stop()


def test_a_mail_says_that_a_program_sent_it_and_has_a_name_of_its_own(
    mailing: Mailing, mailbox: Mailbox, told: Mail
):
    mailing.round()
    message = mailbox.only_message()
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].startswith(f"<{told.number}.") and message["Date"]
    sent = mailing.only()
    assert (sent.state, sent.to, sent.attempts) == ("sent", "jo@example.com", 1)
    assert sent.title == message["Subject"]


def test_what_the_server_refuses_is_tried_again_with_growing_waits_then_given_up(
    mailing: Mailing, settings: Any, told: Mail
):
    box = Moody("451 come back later")
    with served(box, settings):
        for pause in PAUSES:
            assert mailing.round() == 0
            waiting = mailing.only()
            assert (waiting.state, waiting.answer) == ("waiting", "451 come back later")
            assert waiting.next_at == mailing.now + pause
            assert mailing.round() == 0  # not before its time
            mailing.wait(pause)
        mailing.round()
        assert mailing.only().state == "failed"
        mailing.wait(timedelta(days=9))
        mailing.round()
    assert box.tries == len(PAUSES) + 1
    assert sorted(PAUSES) == PAUSES


def test_a_refused_mail_goes_once_the_server_takes_it_under_the_same_name(
    mailing: Mailing, mailbox: Mailbox, settings: Any, told: Mail
):
    first, good = Moody("451 later", keeps=True), settings.EMAIL_PORT
    with served(first, settings):
        mailing.round()
    settings.EMAIL_PORT = good
    mailing.wait(PAUSES[0])
    assert mailing.round() == 1
    tried = parsed(bytes(first.envelopes[0].content or b""))
    assert tried["Message-ID"] == mailbox.only_message()["Message-ID"]


def test_an_address_that_nobody_takes_leaves_the_others_their_turn(mailing: Mailing, mailbox: Mailbox):
    mailing.switch(MailKind.CREDIT_ISSUED)
    mailing.give(mailing.customer("jo", email="jo@refused.example"))
    mailing.give(mailing.customer("ann"))
    assert mailing.round() == 1
    assert mailing.states() == ["waiting", "sent"]
    assert Mail.objects.first().answer == "550 no such mailbox"


def test_a_server_that_is_away_is_left_alone_after_one_try(mailing: Mailing, settings: Any):
    mailing.switch(MailKind.CREDIT_ISSUED)
    for name in ("jo", "ann", "bo"):
        mailing.give(mailing.customer(name))
    settings.EMAIL_PORT = free_port()
    with pytest.raises(ServerAway):
        mailing.round()
    assert sorted(Mail.objects.values_list("attempts", flat=True)) == [0, 0, 1]
    assert set(mailing.states()) == {"waiting"}


@pytest.mark.parametrize("box", [Rude("", keeps=True), Rude("")])
def test_a_server_that_hangs_up_after_the_text_leaves_a_mail_that_may_have_gone(
    mailing: Mailing, settings: Any, told: Mail, box: Moody
):
    with served(box, settings):
        mailing.round()
        mailing.wait(timedelta(days=2))
        mailing.round()
    assert mailing.only().state == "unknown"
    assert box.tries == 1  # never again by itself


def test_a_server_that_answers_too_late_leaves_a_mail_that_may_have_gone(
    mailing: Mailing, settings: Any, told: Mail
):
    class Slow(Mailbox):
        async def handle_DATA(self, *conversation: Any) -> str:
            await super().handle_DATA(*conversation)
            await asyncio.sleep(60)  # ended with the server
            return "250 OK"

    settings.EMAIL_TIMEOUT = 3
    with served(Slow(), settings):
        mailing.round()
    assert mailing.only().state == "unknown"


def test_a_server_that_hangs_up_at_once_took_nothing(mailing: Mailing, settings: Any, told: Mail):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings.EMAIL_PORT = listener.getsockname()[1]

        def hang_up() -> None:
            listener.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(ServerAway):
            mailing.round()
        thread.join()
    assert mailing.only().state == "waiting"


def test_a_claim_that_nobody_ends_is_a_mail_that_may_have_gone(
    mailing: Mailing, mailbox: Mailbox, told: Mail
):
    assert [each.pk for each in claim(mailing.now)] == [told.pk]
    assert mailing.round() == 0  # it is another's
    mailing.wait(LEASE + timedelta(seconds=1))
    assert mailing.round() == 0
    assert mailing.only().state == "unknown"
    assert mailbox.envelopes == []


def test_somebody_sends_again_what_may_not_have_gone(mailing: Mailing, mailbox: Mailbox, told: Mail):
    claim(mailing.now)
    mailing.wait(LEASE + timedelta(seconds=1))
    mailing.round()
    for _click in range(2):
        assert mails.send_again(told.pk, actor=STAFF, now=mailing.now).state == "waiting"
    assert [mailing.round(), mailing.round()] == [1, 0]
    assert "£25.50" in text(mailbox)
    event = Event.objects.get(action="mail.sent_again")
    assert (event.subject, event.customer_id, event.actor_name) == (told.number, told.customer_id, "olivia")
    with pytest.raises(WrongState, match="is sent"):
        mails.send_again(told.pk, actor=STAFF, now=mailing.now)


def test_somebody_leaves_what_did_not_go(mailing: Mailing, mailbox: Mailbox, told: Mail):
    Mail.objects.update(state="failed")
    for _click in range(2):
        assert mails.leave(told.pk, actor=STAFF, now=mailing.now).state == "dropped"
    assert Event.objects.filter(action="mail.left").count() == 1
    assert mailing.round() == 0


def test_a_viewer_decides_nothing(mailing: Mailing, told: Mail, viewer_actor: Actor):
    Mail.objects.update(state="failed")
    for act in (mails.send_again, mails.leave):
        with pytest.raises(PermissionDenied):
            act(told.pk, actor=viewer_actor, now=mailing.now)
    assert mailing.states() == ["failed"]


def test_a_text_that_can_not_be_filled_stops_no_other(mailing: Mailing, mailbox: Mailbox, told: Mail):
    """As if a later version had fewer placeholders than the one that checked the text."""
    newest = Version.objects.latest("pk")
    values = {**newest.values}
    values["mails"]["credit_issued"]["texts"] = {"en": {"subject": "Hi", "body": "{gone}"}}
    Version(pk=newest.pk + 1, at=mailing.now, by="ada", values=values).save(force_insert=True)
    policies.forget()
    mailing.switch(MailKind.REFUND_REQUESTED)
    mailing.ask(Customer.objects.get(), 500)
    assert mailing.round() == 1
    assert mailing.states() == ["failed", "sent"]
    assert "gone" in Mail.objects.order_by("pk")[0].answer


def test_names_with_line_breaks_add_no_header(mailing: Mailing, mailbox: Mailbox):
    mailing.switch(MailKind.CREDIT_ISSUED)
    mailing.write(MailKind.CREDIT_ISSUED, "For {customer}", "Dear {customer}")
    customer = mailing.customer()
    Customer.objects.update(first_name="Jo\r\nBcc: all@example.org\r\n\r\nHello")
    mailing.give(customer)
    mailing.round()
    message = mailbox.only_message()
    assert message["Bcc"] is None and message["Subject"] == "For Jo Bcc: all@example.org Hello Marsh"
    assert mailbox.envelopes[0].rcpt_tos == ["jo@example.com"]


def test_an_address_with_a_line_break_is_not_written_to(mailing: Mailing, mailbox: Mailbox, told: Mail):
    Customer.objects.update(email="a@example.org\nBcc: all@example.org")
    assert mailing.round() == 0
    assert (mailing.only().state, mailing.only().why) == ("dropped", "no_address")
    assert mailbox.envelopes == []


def test_an_address_of_another_script_is_written_as_smtp_wants(mailing: Mailing, mailbox: Mailbox):
    mailing.switch(MailKind.CREDIT_ISSUED)
    mailing.give(mailing.customer(email="jo@bücher.example", first_name="Zoë", last_name="名前"))
    assert mailing.round() == 1
    assert mailbox.envelopes[0].rcpt_tos == ["jo@xn--bcher-kva.example"]
    assert "Dear Zoë 名前," in text(mailbox)


def test_a_sender_that_smtp_can_not_write_stops_no_round(mailing: Mailing, settings: Any, told: Mail):
    settings.DEFAULT_FROM_EMAIL = "shop\n@example.com"
    assert mailing.round() == 0
    assert mailing.only().state == "waiting"


def test_without_a_server_a_mail_is_a_file(mailing: Mailing, settings: Any, tmp_path: Path, told: Mail):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    assert mailing.round() == 1
    sent = mailing.only()
    assert parsed((tmp_path / sent.file).read_bytes())["To"] == "jo@example.com"


def test_a_flood_of_events_is_sent_in_bounded_rounds(mailing: Mailing, settings: Any, tmp_path: Path):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    mailing.switch(MailKind.CREDIT_ISSUED)
    customer = mailing.customer()
    for _each in range(1_000):
        mailing.give(customer, 1)
    assert find(mailing.watch, mailing.now) == 1_000
    assert [send_due(mailing.clock) for _round in range(11)] == [A_ROUND] * 10 + [0]
    assert Mail.objects.filter(state="sent").count() == len(list(tmp_path.iterdir())) == 1_000


@pytest.fixture
def loops(own_database: None) -> Iterator[Callable[[], None]]:
    """Two of them, as if two processes ran."""
    stop = threading.Event()
    threads = [threading.Thread(target=deliver, args=(timezone.now, stop)) for _ in range(2)]
    yield lambda: [each.start() for each in threads] and None
    stop.set()
    for each in threads:
        each.join(60)
        assert not each.is_alive()


def test_two_loops_send_each_mail_once(loops: Callable[[], None], mailbox: Mailbox):
    mailing = Mailing(timezone.now())
    mailing.switch(MailKind.CREDIT_ISSUED)
    loops()
    customers = [mailing.customer(f"jo{each}") for each in range(20)]
    for each in customers:
        mailing.give(each)
    wait_for(lambda: Mail.objects.filter(state="sent").count() == 20)
    names = [parsed(bytes(each.content or b""))["Message-ID"] for each in mailbox.envelopes]
    assert len(names) == len(set(names)) == 20


_SENDER = """
import os, sys, django
from django.conf import settings
from datetime import datetime
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
name, port = sys.argv[1:3]
settings.DATABASES["default"]["NAME"] = name
settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", int(port), 60
settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
django.setup()
from tillbook.delivery.mail_sending import send_due
now = datetime.fromisoformat(sys.argv[3])
send_due(lambda: now)
"""


def test_a_sender_that_is_killed_sends_nothing_twice(own_database: None, mailbox: Mailbox, settings: Any):
    """It dies after the server has the message, and before it knows."""
    held = threading.Event()

    class Holding(Mailbox):
        async def handle_DATA(self, *conversation: Any) -> str:
            await super().handle_DATA(*conversation)
            held.set()
            await asyncio.sleep(60)
            return "250 OK"

    mailing, box, good = Mailing(timezone.now()), Holding(), settings.EMAIL_PORT
    mailing.switch(MailKind.CREDIT_ISSUED)
    mailing.give(mailing.customer())
    find(mailing.watch, mailing.now)
    name = str(connection.settings_dict["NAME"])
    with served(box, settings):
        line = [sys.executable, "-c", _SENDER, name, str(settings.EMAIL_PORT), mailing.now.isoformat()]
        process = subprocess.Popen(line, cwd=Path(__file__).parents[2], env=dict(os.environ))
        assert held.wait(60)
        process.send_signal(signal.SIGKILL)
        process.wait()
    settings.EMAIL_PORT = good
    assert mailing.only().state == "sending"
    assert mailing.round() == 0
    mailing.wait(LEASE + timedelta(seconds=1))
    assert mailing.round() == 0
    assert mailing.only().state == "unknown"
    assert (len(box.envelopes), len(mailbox.envelopes)) == (1, 0)
    mails.send_again(mailing.only().pk, actor=ADMIN, now=mailing.now)
    assert mailing.round() == 1
    assert mailing.only().state == "sent"


def test_twenty_who_click_send_again_at_once_send_one(own_database: None, mailbox: Mailbox):
    mailing = Mailing(datetime.now().astimezone())
    mailing.switch(MailKind.CREDIT_ISSUED)
    mailing.give(mailing.customer())
    find(mailing.watch, mailing.now)
    Mail.objects.update(state="failed")
    pk = mailing.only().pk

    def click() -> None:
        try:
            mails.send_again(pk, actor=STAFF, now=mailing.now)
        finally:
            connection.close()

    threads = [threading.Thread(target=click) for _ in range(20)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert Event.objects.filter(action="mail.sent_again").count() == 1
    assert mailing.round() == 1
    assert len(mailbox.envelopes) == 1
