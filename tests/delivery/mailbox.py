"""An SMTP server's mailbox."""

from __future__ import annotations

import asyncio
import email
import email.policy
import socket
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import Envelope


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
        return parsed(envelope.content)


class PatientMailbox(Mailbox):
    """One that takes no message before so many are on their way."""

    def __init__(self, together: int) -> None:
        super().__init__()
        self._together = together
        self._all_here = asyncio.Event()

    async def handle_DATA(self, *conversation: Any) -> str:
        answer = await super().handle_DATA(*conversation)
        if len(self.envelopes) >= self._together:
            self._all_here.set()
        await asyncio.wait_for(self._all_here.wait(), timeout=20)
        return answer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def parsed(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message
