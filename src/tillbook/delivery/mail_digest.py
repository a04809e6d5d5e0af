"""The mail that tells one person which refunds wait for their approval: all new ones together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from tillbook.common.mail import one_line
from tillbook.common.numbering import row_id
from tillbook.delivery.links import refund_page
from tillbook.delivery.mail_finding import asked, may_approve
from tillbook.delivery.mail_writing import NotWanted, Written, message_id
from tillbook.delivery.models import Mail
from tillbook.delivery.sender import letter
from tillbook.refunds.models import Refund
from tillbook.refunds.queries import by_ids
from tillbook.shop import papers
from tillbook.shop.policies import shop
from tillbook.staff.models import User


def digest(mails: Sequence[Mail], now: datetime) -> tuple[EmailMessage, list[Mail]]:
    """The message, and those of the mails that it is for: the refunds of the others wait no more.

    All of them are for one user. Raises NotWanted if nothing waits for them.
    """
    user = User.objects.filter(pk=mails[0].user_id, is_active=True).first()
    if user is None or not user.email.strip() or not may_approve(user):
        raise NotWanted(Mail.Why.NO_ADDRESS)
    found = by_ids([row_id("RF", mail.about) or 0 for mail in mails])
    waiting = [refund for refund in found if asked(refund, [user], now)]
    if not waiting:
        raise NotWanted(Mail.Why.OVER)
    written = _written(waiting, user)
    made = letter(written.subject, written.body, user.email.strip(), now)
    numbers = {refund.number for refund in waiting}
    told = [mail for mail in mails if mail.about in numbers]
    made.extra_headers["Message-ID"] = message_id(told[0])
    return made, told


def _written(waiting: Sequence[Refund], user: User) -> Written:
    """In the user's own language."""
    with override(user.language or settings.LANGUAGE_CODE):
        count = len(waiting)
        subject = ngettext(
            "%(count)s refund waits for approval", "%(count)s refunds wait for approval", count
        ) % {"count": count}
        paragraphs = [
            ngettext("This refund waits for approval:", "These refunds wait for approval:", count),
            "\n\n".join(_entry(refund) for refund in waiting),
            _("An approval is for the refund exactly as it stands when you give it: look at it first."),
            _("You get this mail because you may approve refunds at %(shop)s.") % {"shop": shop().name},
        ]
    return Written(one_line(f"{shop().name}: {subject}"), "\n\n".join(paragraphs) + "\n")


def _entry(refund: Refund) -> str:
    """A refund in two or three lines: what, for whom, by whom, where."""
    amount = papers.money(refund.amount_minor, refund.currency)
    lines = [
        f"{refund.number}: {amount}, {papers.cut(refund.customer.display_name)}",
        _("Asked for by %(name)s on %(day)s")
        % {"name": refund.requested_by, "day": papers.day(refund.requested_at)},
        refund_page(refund.number),
    ]
    return "\n".join(filter(None, lines))
