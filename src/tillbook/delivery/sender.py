"""Who the shop's mails are from, where answers to them go, and what every one of them carries."""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime, formataddr, parseaddr

from django.conf import settings
from django.core.mail import EmailMessage

from tillbook.common.mail import one_line
from tillbook.shop.policies import shop


def sender_address() -> str:
    """The sender's address, which the environment sets: a mail server takes only its own."""
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1]


def sender() -> str:
    """The sender, with the name that the settings have; without one, as the environment writes it."""
    name = shop().mail_name
    return formataddr((name, sender_address())) if name else settings.DEFAULT_FROM_EMAIL


def replies_to() -> list[str] | None:
    """Where answers go: the address set for them, else the shop's; None: to the sender."""
    policy = shop()
    address = policy.mail_reply_to or policy.email
    return [address] if address else None


def letter(subject: str, body: str, to: str, now: datetime) -> EmailMessage:
    """A message from the shop that no program answers: it says that a program sent it (RFC 3834)."""
    return EmailMessage(
        subject=one_line(subject),
        body=body,
        from_email=sender(),
        to=[to],
        reply_to=replies_to(),
        headers={"Date": format_datetime(now), "Auto-Submitted": "auto-generated"},
    )
