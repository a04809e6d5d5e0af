"""Which transfers an export takes: a period that is over, and so gives the same file ever after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from tillbook.common.errors import InvalidInput, Refusal
from tillbook.shop.policies import shop

# Who writes reads the clock first and commits later: a long import even an hour later.
SETTLES = timedelta(hours=1)

_FIRST_DAY, _LAST_DAY = date(1900, 1, 2), date(9998, 12, 31)  # a day before and after must exist


class PeriodNotOver(Refusal):
    """Transfers may still be written into the period: the same export would differ later."""

    code = "period_not_over"


class By(StrEnum):
    """Which of a transfer's two times says what period it belongs to."""

    RECORDED = "recorded"  # when it was written: a period that is over never changes
    EFFECTIVE = "effective"  # when it happened, as far as it was known at a moment

    @property
    def column(self) -> str:
        return f"{self}_at"


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `first` to `last`, both included, in the shop's time zone.

    By effective date only what was recorded up to `recorded_by` counts, so that what is
    written down later does not change the answer.
    """

    first: date
    last: date
    by: By = By.RECORDED
    recorded_by: datetime | None = None

    def check(self, now: datetime, *, unfinished: bool) -> None:
        """Raise InvalidInput or PeriodNotOver unless the period gives the same answer ever after.

        With `unfinished` it need not be over.
        """
        for field, day in (("from", self.first), ("to", self.last)):
            if not _FIRST_DAY <= day <= _LAST_DAY:
                raise InvalidInput("The day must lie between 1900-01-02 and 9998-12-31.", field=field)
        if self.last < self.first:
            raise InvalidInput(f"The period ends, {self.last}, before it begins.", field="to")
        if (self.by is By.EFFECTIVE) != (self.recorded_by is not None):
            raise InvalidInput(
                "Say up to which moment of recording (--recorded-by) with --by effective, and only there.",
                field="recorded_by",
            )
        if self.recorded_by is not None and self.recorded_by.year > _LAST_DAY.year:
            raise InvalidInput("What is recorded must end in 9998 or before.", field="recorded_by")
        settled = self.settled_at
        if self.recorded_by is not None and self.recorded_by < self.end:
            raise InvalidInput("What is recorded must reach to the period's end.", field="recorded_by")
        if settled + SETTLES > now and not unfinished:
            raise PeriodNotOver(
                f"The period can be exported an hour after {self._local(settled)}: until then transfers may "
                "still be written into it. To look at it as it stands now, say --unfinished.",
                field="to",
            )

    @property
    def start(self) -> datetime:
        """The first moment of the period, UTC."""
        return midnight(self.first, shop().time_zone)

    @property
    def end(self) -> datetime:
        """The first moment after the period, UTC."""
        return midnight(self.last + timedelta(days=1), shop().time_zone)

    @property
    def settled_at(self) -> datetime:
        """From this moment on nothing recorded belongs to the period."""
        return self.recorded_by or self.end

    def _local(self, moment: datetime) -> str:
        return f"{moment.astimezone(shop().time_zone):%Y-%m-%d %H:%M}"


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The moment at which the day begins there, UTC."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)
