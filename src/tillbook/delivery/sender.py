"""Who the shop's mails are from, and where answers to them go."""

from __future__ import annotations

from email.utils import formataddr, parseaddr

from django.conf import settings

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
