"""A mail server that the shop's settings name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from tests.delivery.mailbox import Mailbox, PatientMailbox, free_port
from tests.delivery.mailing import Mailing


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    with _served(Mailbox(), settings) as box:
        yield box


@pytest.fixture
def patient_mailbox(settings: Any) -> Iterator[Mailbox]:
    """It takes the first message when the second is on its way."""
    with _served(PatientMailbox(2), settings) as box:
        yield box


@contextmanager
def _served(box: Mailbox, settings: Any) -> Iterator[Mailbox]:
    controller = Controller(box, hostname="127.0.0.1", port=free_port(), ready_timeout=60)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", controller.port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    yield box
    controller.stop()


@pytest.fixture
def mailing(db: None, mailbox: Mailbox, now: datetime) -> Mailing:
    """With a mail server."""
    return Mailing(now)
