"""Home: what needs doing now and, for those who may see it, how much is owed in credit.

Who opens it, and what they need to see first:

- Support staff, with a customer on the phone. They search, which every page's head offers; then
  they need to know what they can settle themselves, and whether a customer's refund is under way.
- An admin, once a day, to pay refunds: those first, the longest waiting on top, and what they come to.
  Then what else went wrong, and at month's end how much is owed.

Each number leads to the list of exactly its rows. Nothing here reads more than the rows it shows and
what waits to be done; what all customers have together is read once a minute.
"""

from __future__ import annotations

from django.core.cache import cache
from django.http import HttpResponse
from django.shortcuts import render

from tillbook.common.actor import Permission
from tillbook.customers.models import Customer
from tillbook.ledger import queries as ledger
from tillbook.panel.book_views import line
from tillbook.panel.edge import PanelRequest, read_only
from tillbook.panel.owed import owed
from tillbook.panel.todo import todo

_OWED_NOW = "panel.owed-now"
_SECONDS = 60


@read_only
def home(request: PanelRequest) -> HttpResponse:
    if not Customer.objects.exists():
        return render(request, "panel/home/new_shop.html")
    waiting, nothing = todo(request.actor, request.now)
    context = {
        "line": line(request.now),
        "waiting": waiting,
        "nothing": nothing,
        "now": request.now,
    }
    if request.actor.may(Permission.VIEW_REPORTS):
        totals = cache.get_or_set(_OWED_NOW, ledger.totals, _SECONDS)
        context["owed"] = owed(totals or [], request.now)
    return render(request, "panel/home/home.html", context)
