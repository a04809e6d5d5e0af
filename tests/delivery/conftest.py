"""A mail server that the shop's settings name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from tests.delivery.mailbox import Mailbox, PatientMailbox, free_port
from tests.delivery.receiver import Receiver, receiving


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
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", controller.port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    yield box
    controller.stop()


class Clock:
    """The time, which goes on only when the test says so. It begins now: receivers refuse old signatures."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.at

    def later(self, **by: int) -> None:
        self.at += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """On this machine, where webhooks go only if the shop allows it."""
    settings.TILLBOOK_WEBHOOK_PRIVATE_TARGETS = True
    with receiving() as found:
        yield found
