"""Events as sentences for people: what happened, who did it, from where."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from tillbook.common.languages import LANGUAGES
from tillbook.common.money import Money, with_shown_amounts
from tillbook.common.numbering import row_id
from tillbook.credit.models import ReverseReason
from tillbook.customers.models import Customer
from tillbook.events.models import Event
from tillbook.events.queries import SAID_BY_REFUND, history_of_customer, history_of_subject
from tillbook.panel.edge import Page, PanelRequest, page_of, whole
from tillbook.panel.times import readable
from tillbook.panel.words import in_words, what_happened
from tillbook.shop.details import label_of
from tillbook.shop.policies import shop

_PAGES = {"ASK": "panel:ask", "CR": "panel:credit", "RF": "panel:refund", "RMA": "panel:rma"}
_ORDER_ACTIONS = ("order.", "payment.")

_PAGE = 100  # events on one page
_LONGEST = 80  # characters of a setting's value
_MINOR = "_minor"
_TIMES = ("_at", "_date", "_on")  # how the names of moments and days end
# How the names of what people or other programs typed end: it is no name of ours, whatever it looks like.
_TYPED = (
    "address", "body", "charge", "company", "country", "document", "email", "file", "holder", "host",
    "label", "name", "note", "number", "owner", "phone", "query", "reference", "sending", "subject", "to",
)  # fmt: skip
_REVERSE_REASONS = dict(ReverseReason.choices)
_NOT_SHOWN = {"amount", "id", "key", "differences"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a history."""

    at: datetime
    what: str
    subject: str
    url: str
    names_subject: bool  # though it has no page: what a checkout calls a document of its own
    detail: str
    note: str
    public_note: str
    who: str
    origin: str


def history(request: PanelRequest, customer: Customer, number: str | None = None) -> Page[Entry]:
    """A page of what happened to the customer, or to one document of theirs; the newest first.

    It begins after the event that `?history_before=` names.
    """
    key = request.GET.get("history_before", "")
    before, limit = whole(key), _PAGE + 1
    if number is None:
        events = history_of_customer(customer.pk, before=before, limit=limit)
    else:
        events = history_of_subject(number, customer_id=customer.pk, before=before, limit=limit)
    found = page_of(events, _PAGE, key=key, key_of=lambda event: str(event.pk))
    shown = [entry_of(event, customer.currency) for event in found.items if not _is_echo(event)]
    return Page(shown, found.key, found.next_key)


def settings_entry(event: Event) -> Entry:
    """The entry with the section in its first line; a logo's digest says nothing to people."""
    section, changed = event.data["section"], event.data["changed"]
    # "give_reasons.deposit.label" stands in the section's name already, as far as its first part.
    named = {_part(name.partition(".")[2]) or name: pair for name, pair in changed.items()}
    data = {"changed": {name: list(map(_cut, pair)) for name, pair in named.items() if name != "logo"}}
    entry = entry_of(event, shop().currency)
    what = f"{entry.what}: {in_words(section)}"
    return replace(entry, what=what, subject="", detail=_detail(data, "", shop().currency))


def _cut(value: Any) -> Any:
    """A value that is a whole text, as its beginning."""
    return f"{value[:_LONGEST]}…" if isinstance(value, str) and len(value) > _LONGEST else value


def _part(name: str) -> str:
    """What of a list was set, "deposit.label", as words."""
    return " ".join(in_words(each) for each in name.split(".") if each)


def history_of_settings(request: PanelRequest) -> Page[Entry]:
    """A page of what was changed in the shop's settings, as `history` gives it."""
    key = request.GET.get("history_before", "")
    events = history_of_subject("settings", customer_id=None, before=whole(key), limit=_PAGE + 1)
    found = page_of(events, _PAGE, key=key, key_of=lambda event: str(event.pk))
    return Page([settings_entry(event) for event in found.items], found.key, found.next_key)


def document_url(number: str) -> str:
    """The page of a credit, refund or RMA by its public number; empty for anything else.

    What a checkout calls its own documents may begin as those numbers do.
    """
    prefix = number.partition("-")[0]
    known = prefix in _PAGES and row_id(prefix, number) is not None
    return reverse(_PAGES[prefix], args=[number]) if known else ""


def _is_echo(event: Event) -> bool:
    return event.action in SAID_BY_REFUND and event.subject.startswith("RF-")


def entry_of(event: Event, currency: str) -> Entry:
    """The event in words; amounts that name no currency are in `currency`."""
    url = _url(event)
    return Entry(
        at=event.recorded_at,
        what=what_happened(event.action),
        subject="" if event.action == "settings.changed" else event.subject,  # the action says it
        url=url,
        names_subject=not url and event.action.startswith("credit."),
        detail=_detail(event.data, event.reason, currency),
        note=event.note,
        public_note=event.public_note,
        who=in_words(event.actor_name) if event.actor_user_id is None else event.actor_name,
        origin=event.origin,
    )


def _url(event: Event) -> str:
    if event.action.startswith(_ORDER_ACTIONS):
        return reverse("panel:order", args=[event.subject])
    if event.action.startswith("customer."):
        return ""  # a username may look like a document's number
    return document_url(event.subject)


def _detail(data: dict[str, Any], reason: str, currency: str) -> str:
    """Amount and reason first, then what else the event says in plain values, then what changed."""
    amount = str(data.get("amount", ""))
    parts = [amount] if amount else []
    if reason:
        parts.append(_reason(reason))
    currency = amount.rpartition(" ")[2] or currency  # an amount names its own, "12.34 GBP"
    parts += [_fact(name, value, currency) for name, value in data.items() if _is_plain(name, value)]
    for name, (before, after) in {**data.get("changed", {}), **_changed_total(data)}.items():
        parts.append(f"{_label(name)}: {_value(name, before, currency)} → {_value(name, after, currency)}")
    for figure, stored, derived in data.get("differences", []):
        parts.append(
            _("%(figure)s was %(stored)s, is %(derived)s")
            % {"figure": _figure(figure), "stored": stored, "derived": derived}
        )
    return with_shown_amounts(" · ".join(parts), shop().locale)


def _reason(code: str) -> str:
    """As the shop's lists have it by now; a code of the program's own in words."""
    lists = shop().give_reasons, shop().return_reasons
    if any(code in each for each in lists):
        return label_of(code, *lists)
    return str(_REVERSE_REASONS[code]) if code in _REVERSE_REASONS else in_words(code)


def _changed_total(data: dict[str, Any]) -> dict[str, Any]:
    """An order's total before and after; the event of a new order has only one."""
    return {"total": data["total"]} if isinstance(data.get("total"), list) else {}


def _is_plain(name: str, value: Any) -> bool:
    return name not in _NOT_SHOWN and value not in ("", None) and isinstance(value, str | int)


def _fact(name: str, value: Any, currency: str) -> str:
    return f"{_label(name)}: {_value(name, value, currency)}"


def _label(name: str) -> str:
    return in_words(name.removesuffix(_MINOR))


def _value(name: str, value: Any, currency: str) -> str:
    """A value as people write it; minor units as money."""
    if value in ("", None):
        return _("none")
    if isinstance(value, list):
        return ", ".join(value if name.endswith("actions") else map(in_words, value)) or _("none")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if name.endswith(_MINOR) and isinstance(value, int):
        return str(Money(value, currency))
    text = str(value)
    if name.endswith(_TYPED):
        return text
    if name.endswith("language"):
        return dict(LANGUAGES).get(text, text)
    # A moment or a day; else of a closed list.
    return (readable(text) if name.endswith(_TIMES) else "") or in_words(value)


def _figure(name: str) -> str:
    """A figure that was corrected: its own name stands after the document that it belongs to."""
    document, space, figure = name.rpartition(" ")
    return f"{document}{space}{in_words(figure)}"
