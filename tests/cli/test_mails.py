"""Mails from the shell: announced, sent, listed, sent again."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tests.delivery.mailing import Mailing
from tillbook.common.mail_kinds import MailKind
from tillbook.customers.models import Customer
from tillbook.delivery.models import Mail

pytestmark = pytest.mark.django_db

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def mailing(settings: Any, tmp_path: Path) -> Mailing:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    return Mailing(timezone.now())


def test_the_daily_round_announces_and_deliver_sends(run: Run, mailing: Mailing, tmp_path: Path):
    customer = mailing.customer()
    mailing.give(customer, expires_at=mailing.now + timedelta(days=3))
    assert run("expire") == (0, "0 credits expired.\n", "")  # nobody is mailed of it
    mailing.switch(MailKind.CREDIT_EXPIRING)
    assert run("expire") == (0, "0 credits expired, 1 announced.\n", "")
    assert run("expire") == (0, "0 credits expired.\n", "")
    assert run("deliver", "--once") == (0, "1 sent.\n", "")
    assert run("deliver", "--once") == (0, "0 sent.\n", "")
    assert len(list(tmp_path.iterdir())) == 1


def test_what_may_not_have_gone_is_listed_and_sent_again(run: Run, mailing: Mailing):
    mailing.switch(MailKind.CREDIT_ISSUED)
    mailing.give(mailing.customer())
    run("deliver", "--once")
    Mail.objects.update(state="unknown")
    code, out, _err = run("mail", "list", "--state", "unknown", "--json")
    [listed] = json.loads(out)["items"]
    assert (code, listed["customer"], listed["to"]) == (0, "jo", "jo@example.com")
    code, out, _err = run("mail", "send-again", listed["number"], "--json")
    assert (code, json.loads(out)["state"]) == (0, "waiting")
    assert run("deliver", "--once") == (0, "1 sent.\n", "")
    code, _out, err = run("mail", "leave", listed["number"])
    assert code == 1 and "is sent: there is nothing to decide about it" in err


def test_a_customer_does_without_some(run: Run, mailing: Mailing):
    mailing.customer()
    code, out, err = run("customer", "change", "jo", "--no-mail", "credit_issued", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["no_mails"] == Customer.objects.get().no_mails == ["credit_issued"]


def test_a_preview_is_printed(run: Run, mailing: Mailing):
    code, out, _err = run("mail", "preview", "--kind", "refund_paid", "--json")
    assert code == 0 and "Dear Jo Marsh," in json.loads(out)["body"]
