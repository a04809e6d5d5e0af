"""What a report's page asks: as of when, by which view, in which currency."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tillbook.credit.basis import Basis, View, basis_at, day_end, day_start, moment_of
from tillbook.credit.reporting import check_period
from tillbook.exporters.asked import Asked, Kind
from tillbook.panel.forms import DateField, PanelForm

_LONGEST_MOMENT = 40  # characters of an ISO 8601 text, with room to spare
_NO_DAY = {"required": _("Choose a day.")}


class ReportForm(PanelForm):
    """Filled from the address; what is not there has its default."""

    as_of = DateField(label=_("As of the end of"), error_messages=_NO_DAY)
    view = forms.ChoiceField(label=_("View"), choices=View.choices, initial=View.EFFECTIVE)
    currency = forms.ChoiceField(label=_("Currency"), required=False)
    recorded_by = forms.CharField(label=_("Recorded until"), required=False, max_length=_LONGEST_MOMENT)

    def __init__(self, sent: QueryDict, *, kind: Kind, today: date, currencies: Iterable[str]) -> None:
        self.kind = kind
        data = sent.copy()
        for name, value in self.defaults(today).items():
            data.setdefault(name, value)
        super().__init__(data)
        currency = self.fields["currency"]
        assert isinstance(currency, forms.ChoiceField)
        currency.choices = [("", gettext("All")), *((each, each) for each in currencies)]
        self.fields["recorded_by"].widget.attrs["placeholder"] = gettext("Now")

    @staticmethod
    def defaults(today: date) -> dict[str, str]:
        return {"as_of": today.isoformat(), "view": View.EFFECTIVE.value}

    def basis(self, now: datetime) -> Basis:
        """The basis asked for. Raises InvalidInput naming one of the form's fields."""
        values = self.cleaned_data
        typed = values["recorded_by"].strip()
        return basis_at(
            day_end(values["as_of"]),
            view=values["view"],
            recorded_by=moment_of(typed, field="recorded_by") if typed else None,
            now=now,
        )

    def asked(self, now: datetime) -> Asked:
        """What the form asks for. Raises InvalidInput naming one of its fields."""
        return Asked(self.kind, self.basis(now), self.cleaned_data["currency"])

    @property
    def is_exact(self) -> bool:
        """Whether it says until when it knows what was recorded, and not: until now."""
        return bool(self.cleaned_data.get("recorded_by", "").strip())

    @staticmethod
    def last_month(today: date) -> dict[str, str]:
        """The parameters of the report that is due at a month's end."""
        return {"as_of": _last_of_month_before(today).isoformat()}


class RollForwardForm(ReportForm):
    from_at = DateField(label=_("From"), error_messages=_NO_DAY)
    field_order = ("from_at", "as_of", "view", "currency", "recorded_by")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["as_of"].label = gettext("To the end of")

    @staticmethod
    def defaults(today: date) -> dict[str, str]:
        return ReportForm.defaults(today) | {"from_at": today.replace(day=1).isoformat()}

    def asked(self, now: datetime) -> Asked:
        asked = super().asked(now)
        from_at = day_start(self.cleaned_data["from_at"])
        check_period(from_at, asked.basis)
        return replace(asked, from_at=from_at)

    @staticmethod
    def last_month(today: date) -> dict[str, str]:
        last = _last_of_month_before(today)
        return {"from_at": last.replace(day=1).isoformat(), "as_of": last.isoformat()}


def address(asked: Asked, *, exact: bool = True) -> dict[str, str]:
    """The parameters that lead to the very same report for good, or unless `exact`, to the newest one."""
    basis = asked.basis
    told = {"from_at": asked.from_at.date().isoformat()} if asked.from_at else {}
    told |= {"as_of": (basis.as_of - timedelta(days=1)).date().isoformat(), "view": basis.view.value}
    told |= {"currency": asked.currency} if asked.currency else {}
    return told | ({"recorded_by": basis.recorded_by.isoformat()} if exact else {})


def _last_of_month_before(day: date) -> date:
    return day.replace(day=1) - timedelta(days=1)
