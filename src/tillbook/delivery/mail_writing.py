"""What a mail to a customer says: the shop's text, filled from the event that it is about.

A preview is made here too, so that it shows what would be sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from tillbook.common.mail import one_line
from tillbook.common.mail_kinds import OPTIONAL, MailKind
from tillbook.common.numbering import public_number, row_id
from tillbook.credit.models import Credit, Source
from tillbook.customers.models import Customer
from tillbook.delivery.links import stop_address
from tillbook.delivery.mail_finding import KINDS
from tillbook.delivery.models import Mail
from tillbook.delivery.own_page import own_page_address
from tillbook.delivery.sender import letter, replies_to, sender, sender_address
from tillbook.events.models import Event
from tillbook.refunds import asks
from tillbook.refunds.accounts import mask
from tillbook.refunds.models import Refund
from tillbook.refunds.queries import by_ids
from tillbook.shop import papers
from tillbook.shop.details import MailText
from tillbook.shop.mail_texts import fill, fill_line, starting_text
from tillbook.shop.policies import shop

_LONGEST_NOTE = 1_000
_EXAMPLE_TIME = timedelta(days=30)

#: kind -> the states of the refund in which such a mail still tells the truth
_TRUE_WHILE = {
    MailKind.REFUND_REQUESTED: {Refund.Status.REQUESTED, Refund.Status.APPROVED},
    MailKind.REFUND_PAID: {Refund.Status.COMPLETED},
    MailKind.REFUND_FAILED: {Refund.Status.FAILED},
}

Values = dict[str, str]


class NotWanted(Exception):
    """There is nobody to tell, or nothing to tell any more."""

    def __init__(self, why: Mail.Why) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Written:
    """A mail's subject and body, ready to be sent."""

    subject: str
    body: str


def text_of(kind: str) -> MailText:
    """The text for mails of that kind in the language of customers: the shop's own, else the first one."""
    own = shop().mails[kind].texts.get(settings.LANGUAGE_CODE)
    if own is not None:
        return own
    with papers.shops_language():
        return starting_text(kind)


def write(kind: str, text: MailText, values: Values, stop: str) -> Written:
    """The text filled. Where the customer may opt out it says how: at `stop`, or by an answer."""
    body = fill(text.body, values)
    if kind in OPTIONAL:
        with papers.shops_language():
            body += "\n\n-- \n" + (
                _("You can stop mails of this kind: %(address)s") % {"address": stop}
                if stop
                else _("If you would rather not get mails of this kind, answer this one and say so.")
            )
    return Written(one_line(fill_line(text.subject, values)), body + "\n")


def write_about(kind: str, text: MailText, event: Event, customer: Customer) -> Written:
    """The mail about the event. Raises NotWanted if there is nothing to tell any more."""
    with papers.shops_language():
        values = _values(kind, event, customer)
    return write(kind, text, values, stop_address(customer.pk, kind))


def last_event(kind: str, customer: Customer) -> Event | None:
    """The last event of the customer that a mail of that kind is about."""
    actions = [action for action, kinds in KINDS.items() if kind in kinds]
    return Event.objects.filter(customer_id=customer.pk, action__in=actions).order_by("-pk").first()


def message(mail: Mail, customer: Customer, now: datetime) -> EmailMessage:
    """The message as it is sent. Raises NotWanted, and KeyError for a text that can't be filled."""
    event = Event.objects.get(pk=mail.event_id)
    written = write_about(mail.kind, text_of(mail.kind), event, customer)
    made = letter(written.subject, written.body, address_of(customer), now)
    made.extra_headers |= {"Message-ID": message_id(mail), **_stopping(customer, mail.kind)}
    return made


def message_id(mail: Mail) -> str:
    """The same at every attempt, so that whoever gets it twice can tell."""
    mark = salted_hmac("tillbook.mail", mail.number, algorithm="sha256").hexdigest()[:20]
    return f"<{mail.number}.{mark}@{sender_address().rpartition('@')[2] or 'localhost'}>"


def address_of(customer: Customer) -> str:
    """The customer's address, checked again: an import may have brought anything. Raises NotWanted."""
    address = customer.email.strip()
    try:
        validate_email(address)
    except ValidationError:
        raise NotWanted(Mail.Why.NO_ADDRESS) from None
    return address


def _stopping(customer: Customer, kind: str) -> dict[str, str]:
    """How mail programs let their reader stop such mails with one click (RFC 8058), or by an answer."""
    if kind not in OPTIONAL:
        return {}
    if address := stop_address(customer.pk, kind):
        return {"List-Unsubscribe": f"<{address}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    answers = parseaddr((replies_to() or [sender()])[0])[1]
    return {"List-Unsubscribe": f"<mailto:{answers}?subject=unsubscribe>"}


def _values(kind: str, event: Event, customer: Customer) -> Values:
    values = {
        "customer": papers.cut(customer.display_name),
        "shop": papers.cut(shop().name),
        "number": event.subject,
        "date": papers.day(event.recorded_at),
        "link": own_page_address(),
    }
    if kind in (MailKind.CREDIT_ISSUED, MailKind.CREDIT_EXPIRING):
        return values | _of_credit(kind, event, customer)
    return values | (_of_ask(event) if kind == MailKind.ASK_DECLINED else _of_refund(kind, event))


def _of_credit(kind: str, event: Event, customer: Customer) -> Values:
    rows = Credit.objects.filter(customer_id=customer.pk, id=row_id("CR", event.subject) or 0)
    credit = rows.select_related("account").get()
    until = "" if credit.expires_at is None else papers.last_day(credit.expires_at)
    if kind == MailKind.CREDIT_EXPIRING:
        left = credit.account.available_minor
        was = datetime.fromisoformat(event.data["expires_at"])
        if not left or credit.expires_at != was:  # spent since, or it has another date
            raise NotWanted(Mail.Why.OVER)
        return {"amount": papers.money(left, credit.currency), "until": until}
    return {
        "amount": papers.money(credit.issued_minor, credit.currency),
        "until": until,
        "why": _why(credit),
        "note": papers.cut(credit.public_note, _LONGEST_NOTE),
    }


def _why(credit: Credit) -> str:
    """Where the credit came from, in a sentence; what was given by hand has its note."""
    if credit.source == Source.OVERPAYMENT:
        return _("It is what you paid beyond the total of order %(order)s.") % {
            "order": credit.source_reference
        }
    if credit.source == Source.RETURN:
        return _("It is for your return %(rma)s.") % {"rma": credit.source_reference}
    return ""


def _of_ask(event: Event) -> Values:
    """An ask that was declined stays so; why, is what the event says to the customer."""
    found = asks.by_number(event.subject)
    return {
        "amount": papers.money(found.amount_minor, found.currency),
        "method": papers.cut(found.get_method_display()),
        "account": mask(found.bank_account) if found.bank_account else "",
        "note": papers.cut(event.public_note, _LONGEST_NOTE),
    }


def _of_refund(kind: str, event: Event) -> Values:
    refund: Refund = by_ids([row_id("RF", event.subject) or 0])[0]
    if refund.pays_nobody or refund.status not in _TRUE_WHILE[MailKind(kind)]:
        raise NotWanted(Mail.Why.OVER)
    amount = papers.money(refund.amount_minor, refund.currency)
    return {
        "amount": amount,
        "method": papers.cut(str(refund.get_method_display())),
        "account": mask(refund.bank_account) if refund.bank_account else "",
        "why": _why_failed(amount, refund) if kind == MailKind.REFUND_FAILED else "",
    }


def _why_failed(amount: str, refund: Refund) -> str:
    """What became of the money; of one that nobody took nothing came back, and no detail was wrong."""
    if refund.was_unclaimed:
        return _("Your refund of %(amount)s waited for a long time, and the money was not taken.") % {
            "amount": amount
        }
    return _(
        "We tried to pay your refund of %(amount)s, and the payment did not arrive. Most often a detail of "
        "the account was not right."
    ) % {"amount": amount}


def example(kind: str, now: datetime) -> Values:
    """Values that a mail of that kind could have, for a preview without a customer."""
    with papers.shops_language():
        return {
            "customer": "Jo Marsh",
            "shop": papers.cut(shop().name),
            "number": public_number(_prefix(kind), 42),
            "date": papers.day(now),
            "link": own_page_address(),
            "amount": papers.money(2_550, shop().currency),
            "until": papers.day(now + _EXAMPLE_TIME),
            "why": _example_why(kind),
            "note": _example_note(kind),
            "method": _("Bank transfer"),
            "account": mask("20000055779911"),
        }


def _prefix(kind: str) -> str:
    """What the number of the document begins with that such a mail is about."""
    if kind == MailKind.ASK_DECLINED:
        return "ASK"
    return "RF" if kind in _TRUE_WHILE else "CR"


def _example_note(kind: str) -> str:
    if kind == MailKind.ASK_DECLINED:
        return _("The account is not in your name. Please ask anew with one that is.")
    return ""


def _example_why(kind: str) -> str:
    if kind == MailKind.REFUND_FAILED:
        return _why_failed(papers.money(2_550, shop().currency), Refund())
    return _("It is for your return %(rma)s.") % {"rma": public_number("RMA", 42)}
