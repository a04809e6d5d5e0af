"""The public page that tells whether a refund slip is true. No log-in, and nothing of any other refund."""

from __future__ import annotations

from functools import lru_cache

from django import forms
from django.core.validators import RegexValidator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from tillbook.common.rate import Limiter
from tillbook.panel.forms import PanelForm
from tillbook.refunds.proof import hidden, proven

_TRIES = 30  # a minute, of one address: right and wrong ones alike


_AS_PRINTED = RegexValidator(
    r"\A[A-Za-z0-9 -]*\Z", _("Enter the letters, digits and dashes that stand on the slip.")
)


class SlipForm(PanelForm):
    number = forms.CharField(label=_("Number of the slip"), max_length=30, validators=[_AS_PRINTED])
    code = forms.CharField(label=_("Code"), max_length=30, validators=[_AS_PRINTED])


@lru_cache(maxsize=1)
def limiter() -> Limiter:
    """The one that all tries in this process are counted by."""
    return Limiter(_TRIES)


@require_safe
@cache_control(no_store=True)
def check(request: HttpRequest) -> HttpResponse:
    """Where somebody types what stands on a slip."""
    form = SlipForm(request.GET or None)
    if form.is_valid():
        values = form.cleaned_data
        return redirect("panel:slip_told", number=values["number"].strip(), code=values["code"].strip())
    return render(request, "panel/slips/check.html", {"form": form})


@require_safe
@cache_control(no_store=True)
def told(request: HttpRequest, number: str, code: str) -> HttpResponse:
    """Amount, state and the payee's initials of a true slip; of any other nothing."""
    if limiter().take(str(request.META.get("REMOTE_ADDR", ""))).remaining < 0:
        return render(request, "429.html", status=429)
    refund = None if "\0" in number + code else proven(number, code)
    if refund is None:
        return render(request, "panel/slips/unknown.html", status=404)
    context = {"refund": refund, "payee": hidden(refund.payee_name)}
    return render(request, "panel/slips/true.html", context)
