"""Buttons that do something once, and what their page says of it afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.contrib import messages
from django.utils.translation import gettext as _

from tillbook.delivery.services import Sent
from tillbook.panel.edge import PanelRequest, message_refusal
from tillbook.panel.forms import KeyedForm

T = TypeVar("T")


def do_once(request: PanelRequest, do: Callable[[str], T]) -> T | None:
    """What `do` answers to the key that the button was sent with; or None, and a message says why."""
    form = KeyedForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("This page was sent without its key. Try once more."))
        return None
    key = form.cleaned_data["key"]
    return message_refusal(request, lambda: do(key))


def say_sent(request: PanelRequest, sent: Sent, said: str) -> None:
    """Say that the mail went, with `%(to)s` in what is said; or where it lies, if there is no mail server."""
    if sent.path is None:
        messages.success(request, said % {"to": sent.to})
        return
    text = _("No mail server is set up: the message to %(to)s was written to %(path)s.")
    messages.info(request, text % {"to": sent.to, "path": sent.path})
