"""Shapes that all of the API shares: money, texts, pages of a list."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)

from tillbook.common import money
from tillbook.common.errors import InvalidInput, NotFound
from tillbook.delivery import services as delivery

T = TypeVar("T")

MOST = 200  # items of one page
MONEY = {"amount": "12.34", "currency": "AUD"}  # an example of it
NO_MONEY = {"amount": "0.00", "currency": "AUD"}


class Sent(BaseModel):
    """What a caller sends: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("Leave out the NUL character.")
    return text


_WITHOUT_NUL = {"pattern": r"^[^\u0000]*$"}  # as the description says it; a validator's message is kinder

Line = Annotated[
    str, StringConstraints(max_length=200), AfterValidator(_no_nul), Field(json_schema_extra=_WITHOUT_NUL)
]
Text = Annotated[
    str, StringConstraints(max_length=10_000), AfterValidator(_no_nul), Field(json_schema_extra=_WITHOUT_NUL)
]
Gateway = Annotated[
    str,
    StringConstraints(max_length=20),
    AfterValidator(_no_nul),
    Field(
        description="Short name of who took it from a card or wallet.", examples=["stripe"],
        json_schema_extra=_WITHOUT_NUL,
    ),
]  # fmt: skip
ChargeId = Annotated[
    str,
    StringConstraints(max_length=100),
    AfterValidator(_no_nul),
    Field(
        description="The gateway's own id of what it took. It goes with `gateway`.", examples=["ch_3P8"],
        json_schema_extra=_WITHOUT_NUL,
    ),
]  # fmt: skip


def _written(pattern: str, says: str) -> tuple[AfterValidator, dict[str, Any]]:
    """What checks a text, and how the API's description says the same: a pattern is no sentence."""
    shape = re.compile(pattern.removesuffix("$"))

    def checked(text: str) -> str:
        if not shape.fullmatch(text):
            raise ValueError(says)
        return text

    return AfterValidator(checked), {"pattern": pattern}


_IS_CURRENCY, _CURRENCY_SHAPE = _written("^[A-Z]{3}$", "Write a three-letter currency code, like AUD.")
_IS_AMOUNT, _AMOUNT_SHAPE = _written(
    r"^[0-9]{1,16}(\.[0-9]{1,4})?$", "Write an amount without a sign, with a point, like 12.34."
)
Currency = Annotated[
    str,
    _IS_CURRENCY,
    Field(examples=["AUD"], description="ISO 4217.", json_schema_extra=_CURRENCY_SHAPE),
]


def _in_utc(moment: datetime) -> datetime:
    """The moment in UTC, if it has a date wherever it is shown."""
    if moment.tzinfo is None:
        raise ValueError("Add the time zone, like 2026-12-31T14:30:00Z.")
    try:
        at = moment.astimezone(UTC)
        _ = at - timedelta(days=1), at + timedelta(days=1)
    except OverflowError:
        raise ValueError("The moment is too far away.") from None
    return at


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def _written_as(shape: re.Pattern[str], says: str) -> BeforeValidator:
    """Lets pass what the program has, and texts of that shape: no numbers that might be seconds."""

    def checked(value: Any) -> Any:
        if not isinstance(value, date) and not (isinstance(value, str) and shape.fullmatch(value)):
            raise ValueError(says)
        return value

    return BeforeValidator(checked)


#: RFC 3339; answers are in UTC.
Moment = Annotated[
    datetime,
    _written_as(_MOMENT, "Write a moment with its zone, like 2026-10-31T17:30:00Z."),
    AfterValidator(_in_utc),
    PlainSerializer(_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Day = Annotated[date, _written_as(_DAY, "Write a date like 2026-10-31.")]


_DAY_OR_MOMENT = "Write a date like 2026-10-31, or a moment with its zone, like 2026-10-31T17:30:00Z."


def _day_or_moment(value: Any) -> date:
    """Tried by its shape: what is neither hears of both, not what each of two validators says."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        return _parsed(date.fromisoformat, value)
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        return _in_utc(_parsed(datetime.fromisoformat, value.upper()))
    raise ValueError(_DAY_OR_MOMENT)


def _parsed(parse: Callable[[str], T], text: str) -> T:
    """What the text of the right shape names, if there is such a day and hour."""
    try:
        return parse(text)
    except ValueError:
        raise ValueError(_DAY_OR_MOMENT) from None


DayOrMoment = Annotated[
    date,
    PlainValidator(_day_or_moment),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]}
    ),
]


DecimalText = Annotated[
    str,
    _IS_AMOUNT,
    Field(examples=["12.34"], description="Decimal text.", json_schema_extra=_AMOUNT_SHAPE),
]


class MoneySent(Sent):
    """An amount of money that a caller sends."""

    amount: DecimalText
    currency: Currency

    def value(self, field: str = "amount") -> money.Money:
        """As whole minor units. Raises InvalidInput naming `field`."""
        money.check_currency(self.currency, field="currency")
        return money.parse_amount(self.amount, self.currency, field=field)

    def minor_or_zero(self, currency: str, field: str) -> int:
        """Minor units of `currency`, zero among them. Raises InvalidInput naming `field`."""
        if self.currency != currency:
            raise InvalidInput(f"This must be in {currency}.", field=field)
        if not self.amount.replace(".", "").strip("0"):
            return 0
        return self.value(field).minor


class Money(BaseModel):
    """An amount of money."""

    amount: str = Field(examples=["12.34"])
    currency: str = Field(examples=["AUD"])

    @classmethod
    def of(cls, minor: int, currency: str) -> Money:
        return cls(amount=money.Money(minor, currency).decimal(), currency=currency)


class Mailed(BaseModel):
    """A paper that was mailed: to which address, and into which file where no mail server is set up."""

    to: str = Field(examples=["jo@example.com"])
    file: str | None = Field(examples=[None])


def mailed(sent: delivery.Sent) -> Mailed:
    return Mailed(to=sent.to, file=sent.path.name if sent.path else None)


class Page(BaseModel, Generic[T]):
    """One page of a list: `next_cursor` asks for the one after it, null on the last."""

    items: list[T]
    next_cursor: str | None


class Paging(Sent):
    """Which part of a list is asked for."""

    limit: int = Field(50, ge=1, le=MOST, description="At most so many items.")
    cursor: Line | None = Field(None, description="The `next_cursor` of the page before.")


def stood_at(cursor: str | None, named: Callable[[str], T]) -> T | None:
    """What `named` makes of the cursor: the end of the page before. Raises InvalidInput for none."""
    if cursor is None:
        return None
    try:
        return named(cursor)
    except NotFound:
        raise foreign_cursor() from None


def foreign_cursor() -> InvalidInput:
    """What a cursor is refused with that no page of the list gave."""
    return InvalidInput("The cursor is none of this list's: send the next_cursor of a page.", field="cursor")


def page(
    rows: Sequence[Any], limit: int, told: Callable[[Any], T], cursor_of: Callable[[Any], str]
) -> Page[T]:
    """The page of `rows`, which hold one more than `limit` where there is a next page."""
    shown = rows[:limit]
    cursor = cursor_of(shown[-1]) if len(rows) > limit else None
    return Page(items=[told(each) for each in shown], next_cursor=cursor)
