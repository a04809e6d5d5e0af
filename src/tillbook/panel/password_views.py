"""The page that a link by mail leads to: choose a password. Nobody is logged in there."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from tillbook.panel.edge import answer, origin_of, status_of
from tillbook.panel.user_forms import ChoosePasswordForm
from tillbook.staff.links import LinkSpent, choose_password, user_of_link


@sensitive_post_parameters("password", "again")
@cache_control(no_store=True)
@require_http_methods(["GET", "HEAD", "POST"])
def choose(request: HttpRequest, uid: str, token: str) -> HttpResponse:
    """A link that is wrong, used or too old shows the same page, whoever it names."""
    try:
        user = user_of_link(uid, token)
        form = ChoosePasswordForm(request.POST or None)
        if form.is_valid():
            chosen = answer(
                form,
                lambda: choose_password(
                    uid, token, form.cleaned_data["password"], origin=origin_of(request), now=timezone.now()
                ),
            )
            if chosen is not None:
                messages.success(request, _("Your password is set. Log in with it."))
                return redirect("account_login")
    except LinkSpent:
        return render(request, "account/link_spent.html", status=404)
    context = {"form": form, "user_of_link": user}
    return render(request, "account/choose_password.html", context, status=status_of(form))
