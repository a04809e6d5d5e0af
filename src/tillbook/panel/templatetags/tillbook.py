"""How the panel writes money, times, states and icons."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import cache

from babel.numbers import format_decimal, get_decimal_symbol, get_group_symbol
from django import template
from django.forms import BaseForm, BoundField, CheckboxInput
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from lucide.templatetags.lucide import lucide

from tillbook.common.money import Money, with_shown_amounts
from tillbook.credit.models import Credit
from tillbook.panel.history import document_url
from tillbook.panel.times import day_text, moment_text
from tillbook.payouts.gateways.registry import title_of
from tillbook.refunds.accounts import mask
from tillbook.refunds.approvals import version_of
from tillbook.refunds.models import Refund
from tillbook.shop.details import label_of
from tillbook.shop.policies import shop

register = template.Library()
register.filter("gateway", title_of)

_TONES = {
    "requested": "waiting",
    "waiting": "waiting",
    "sending": "waiting",
    "sent": "good",
    "approved": "info",
    "failed": "bad",
    "made": "good",
    "paid": "good",
    "received": "good",
    "out": "waiting",
    "at_bank": "info",
    "came_back": "bad",
    "differs": "bad",
    "known": "quiet",
    "unmatched": "waiting",
    "completed": "good",
    "declined": "bad",
    "pending": "waiting",
    "part_paid": "waiting",
    "fully_paid": "good",
    "over_paid": "info",
    "open": "waiting",
    "closed": "good",
    "cancelled": "quiet",
    "awaiting": "waiting",
    "credit": "good",
    "no_credit": "quiet",
    "prospect": "info",
    "hold": "bad",
    "enabled": "good",
    "disabled": "quiet",
    "delivered": "good",
    "given_up": "bad",
    "active": "good",
    "invited": "waiting",
    "off": "quiet",
    "accepted": "good",
    "withdrawn": "quiet",
    "unknown": "waiting",
    "succeeded": "good",
}

_NOTICE_ICONS = {"success": "circle-check", "error": "circle-alert", "warning": "triangle-alert"}

# Signs in a browser's name for itself; the first that is found counts, for each also names its forebears.
_BROWSERS = {
    "Edg": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "CriOS/": "Chrome",
    "Safari/": "Safari",
}  # fmt: skip
_SYSTEMS = {
    "Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Windows": "Windows", "Mac OS X": "macOS",
    "CrOS": "ChromeOS", "Linux": "Linux",
}  # fmt: skip


@register.filter
def money(minor: int | None, currency: str) -> SafeString | str:
    """`minor` units as the shop's locale writes them; a dash where there is no amount."""
    if minor is None:
        return "–"
    text = Money(minor, currency).localized(shop().locale).replace("-", "\N{MINUS SIGN}")
    return format_html('<span class="money{}">{}</span>', "" if minor else " zero", text)


@register.filter
def count(number: int) -> str:
    """A number of things, its thousands grouped as the shop's locale does it."""
    return str(format_decimal(number, locale=shop().locale))


@register.filter(is_safe=True)
def amounts(text: str) -> str:
    """A message with its amounts in the decimal sign of the shop's locale."""
    return with_shown_amounts(str(text), shop().locale)


@register.filter
def decimal(minor: int, currency: str) -> str:
    """`minor` units as plain decimal text, "12.34", for the page's script."""
    return Money(minor, currency).decimal()


@register.simple_tag
def separators() -> SafeString:
    """What the shop's locale writes between thousands and before decimals, for the page's script."""
    locale = shop().locale
    return format_html(
        'data-group="{}" data-decimal="{}"', get_group_symbol(locale), get_decimal_symbol(locale)
    )


@register.filter
def local(at: datetime | None) -> SafeString | str:
    """Date and time in the shop's zone."""
    return _time(at, with_time=True)


@register.filter
def local_date(at: datetime | None) -> SafeString | str:
    """The date in the shop's zone."""
    return _time(at)


@register.filter
def day(date: date) -> SafeString:
    """A date without a time, as the shop's locale writes it."""
    return format_html('<time datetime="{}">{}</time>', date.isoformat(), day_text(date))


@register.filter
def iso(at: datetime) -> str:
    """A moment as programs read it; HTML takes three digits of a second at most."""
    return at.isoformat(timespec="seconds")


@register.filter
def iso_day(text: str) -> SafeString:
    """A day of a report, which is text as in its files, as the shop's locale writes it."""
    return day(date.fromisoformat(text))


@register.filter
def last_day(expires_at: datetime | None) -> SafeString | str:
    """The last day on which what expires then can be used; with the time where it ends within a day."""
    if expires_at is None:
        return "–"
    zone = shop().time_zone
    last = (expires_at - timedelta(microseconds=1)).astimezone(zone).date()
    if last == expires_at.astimezone(zone).date():
        return local(expires_at)
    return format_html('<time datetime="{}">{}</time>', last.isoformat(), day_text(last))


@register.filter
def age(at: datetime, now: datetime) -> str:
    """How many of the shop's days ago it was."""
    zone = shop().time_zone
    days = (now.astimezone(zone).date() - at.astimezone(zone).date()).days
    if days <= 1:
        return gettext("today") if days <= 0 else gettext("yesterday")
    return gettext("%(days)s days") % {"days": days}


def _time(at: datetime | None, *, with_time: bool = False) -> SafeString | str:
    if at is None:
        return "–"
    text = moment_text(at) if with_time else day_text(at.astimezone(shop().time_zone).date())
    return format_html('<time datetime="{}">{}</time>', iso(at), text)


@register.filter
def reason(credit: Credit) -> str:
    """Why the credit was issued, in words."""
    return label_of(credit.reason, shop().give_reasons, shop().return_reasons)


@register.simple_tag
def badge(state: str, label: str) -> SafeString:
    """A state in words, coloured by what it means for the reader."""
    return format_html('<span class="badge {}">{}</span>', _TONES.get(state, "quiet"), label)


@register.simple_tag
@cache
def icon(name: str) -> str:
    """A lucide icon as inline SVG; decorative, so hidden from screen readers."""
    return str(lucide(name, size=18, aria_hidden="true", focusable="false", **{"class": "icon"}))


@register.filter
def document_link(number: str) -> SafeString:
    """A document's number, leading to its page if it has one."""
    url = document_url(number)
    return format_html('<a href="{}">{}</a>', url, number) if url else format_html("{}", number)


@register.filter
def version(refund: Refund) -> str:
    """What stands for the refund as it is shown, for whoever says yes to it."""
    return version_of(refund)


@register.filter
def masked(account: str) -> str:
    """A bank account with all but its last characters hidden."""
    return mask(account)


@register.filter
def mail_address(text: str) -> SafeString:
    """An e-mail address that goes on before its @ where it is too long for a line, and not within a word."""
    return format_html_join(SafeString("<wbr>@"), "{}", ((part,) for part in text.split("@")))


@register.simple_tag(takes_context=True)
def current(context: template.Context, prefix: str) -> SafeString | str:
    """`aria-current` for a navigation link whose part of the panel this page belongs to."""
    request: HttpRequest | None = context.get("request")
    here = request is not None and request.path.startswith(prefix)
    return SafeString('aria-current="page"') if here else ""


@register.filter
def notice_icon(level: str) -> str:
    return _NOTICE_ICONS.get(level, "info")


@register.filter
def browser(agent: str) -> str:
    """The browser and its system in two words, as far as it says them; else what it calls itself."""
    name = next((name for sign, name in _BROWSERS.items() if sign in agent), "")
    system = next((name for sign, name in _SYSTEMS.items() if sign in agent), "")
    if name and system:
        return gettext("%(browser)s on %(system)s") % {"browser": name, "system": system}
    return name or system or agent or gettext("Unknown")


@register.filter
def is_checkbox(field: BoundField) -> bool:
    return isinstance(field.field.widget, CheckboxInput)


@register.filter
def loose_errors(form: BaseForm) -> Iterable[str]:
    """The form's errors with no visible field to stand at."""
    hidden = [error for field in form.hidden_fields() for error in field.errors]
    return [*form.non_field_errors(), *hidden]
