"""The fields of a shape of the API as options: money, choices, flags, lists, what is nested."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from shlex import quote
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from tillbook.api.shapes import MoneySent, Sent
from tillbook.cli.output import WrongUsage

_MONEY = re.compile(r"(\S+)\s+(\S+)")
_NEXT = re.compile(r",(?=[a-z_]+=)")  # a comma may also stand in a value
_NONE = "none"


@dataclass(frozen=True, slots=True)
class Field:
    """A field that a command takes: `place` is where it stands in the body."""

    place: tuple[str, ...]
    info: FieldInfo
    is_required: bool
    is_argument: bool

    @property
    def name(self) -> str:
        """The name of the parameter. A list's option is given once for each: it is one of them."""
        name = "_".join(self.place)
        return name.removesuffix("s") if get_origin(bare(self.info.annotation)) is list else name

    @property
    def is_secret(self) -> bool:
        """Whether it is nothing for a list of processes or a shell's history."""
        more = self.info.json_schema_extra
        return isinstance(more, dict) and more.get("format") == "password"

    @property
    def is_money(self) -> bool:
        return _is_money(bare(self.info.annotation))

    @property
    def shown(self) -> str:
        """How people write it."""
        return self.name.upper() if self.is_argument else "--" + self.name.replace("_", "-")

    @property
    def halves(self) -> tuple[str, str] | None:
        """The two options of a yes or no."""
        is_choice = bare(self.info.annotation) is bool and not self.is_argument
        return (self.shown, f"--no-{self.shown[2:]}") if is_choice else None

    def parameter(self) -> tuple[str, Any, Any]:
        """(name, annotation, default) as typer takes them."""
        kind = bare(self.info.annotation)
        taken, metavar = _taken(kind)
        if self.is_argument:
            described: Any = typer.Argument(help=self._help(), show_default=False)
        else:
            spelled = "/".join(self.halves or [self.shown])
            described = typer.Option(spelled, help=self._help(), metavar=metavar, show_default=False)
        # Of a yes or no that is missing, typer would name one half alone: `check_given` names both.
        if self.is_required and self.halves is None:
            return self.name, Annotated[taken, described], inspect.Parameter.empty
        return self.name, Annotated[taken | None, described], None

    def check_given(self, value: Any) -> None:
        """Raise WrongUsage for a yes or no that must be said and was not."""
        if value is None and self.is_required and self.halves is not None:
            raise WrongUsage(f"Give {' or '.join(self.halves)}.")

    def _help(self) -> str:
        examples = [
            each for some in self.info.examples or [] for each in (some if isinstance(some, list) else [some])
        ]
        example = next((f"Such as {each}." for each in examples if each and isinstance(each, str)), "")
        default = self.info.get_default()
        told = f"Default: {default}." if default and isinstance(default, str | int) else ""
        needed = "One of both must be given." if self.is_required and self.halves else ""
        return " ".join(filter(None, [self.info.description, example, told, needed]))

    def put(self, body: dict[str, Any], given: Any, *, may_be_none: bool) -> None:
        """Set it in `body`, as JSON has it. Raises ValueError."""
        *above, last = self.place
        for each in above:
            body = body.setdefault(each, {})
        if may_be_none and given == _NONE and _is_money(bare(self.info.annotation)):
            body[last] = None
        else:
            body[last] = _value(given, self.info.annotation)

    def written(self, body: Mapping[str, Any]) -> list[str]:
        """What a command line needs to put in it what `body` has there: an option for each of a list."""
        value: Any = body
        for each in self.place:
            value = value.get(each) if isinstance(value, Mapping) else None
        if value is None:
            return []
        if isinstance(value, bool):
            yes, no = self.halves or (self.shown, "")
            return [yes if value else no]
        option = "" if self.is_argument else f"{self.shown} "
        return [f"{option}{quote(_word(each))}" for each in (value if isinstance(value, list) else [value])]


def _word(value: Any) -> str:
    """A value as it is written in one word: money, what has several fields, and all else."""
    if not isinstance(value, Mapping):
        return str(value)
    if value.keys() == MoneySent.model_fields.keys():
        return f"{value['amount']} {value['currency']}"
    return ",".join(f"{name}={_word(each)}" for name, each in value.items())


def of(
    model: type[Sent], argument: str = "", above: tuple[str, ...] = (), needed: bool = True
) -> list[Field]:
    """All fields of a shape and of the shapes in it; the one named `argument` is written without a name."""
    found: list[Field] = []
    for name, info in model.model_fields.items():
        kind, place = bare(info.annotation), (*above, name)
        required = needed and info.is_required()
        if isinstance(kind, type) and issubclass(kind, Sent) and not _is_money(kind):
            found += of(kind, above=place, needed=required)
        else:
            found.append(Field(place, info, required, is_argument=name == argument))
    return sorted(found, key=lambda each: not each.is_required)


def bare(annotation: Any) -> Any:
    """The type that matters: no Annotated around it, and not `| None`."""
    if get_origin(annotation) is Annotated:
        return bare(get_args(annotation)[0])
    parts = [each for each in get_args(annotation) if each is not NoneType]
    if NoneType in get_args(annotation) and len(parts) == 1:
        return bare(parts[0])
    return annotation


def _taken(kind: Any) -> tuple[Any, str | None]:
    """As what typer takes it, and how its value is written."""
    if kind in (bool, int) or get_origin(kind) is Literal:
        return kind, None
    if get_origin(kind) is list:
        inner = bare(get_args(kind)[0])
        return list[str], _spelled(inner) if _is_shape(inner) else None
    if _is_money(kind):
        return str, '"12.34 AUD"'
    return str, {date: "DATE", datetime: "MOMENT"}.get(kind)


def _spelled(shape: type[Sent]) -> str:
    """How one of a list is written: "sku=…,quantity=…"."""
    return ",".join(
        f"{name}=…" if info.is_required() else f"[{name}=…]" for name, info in shape.model_fields.items()
    )


def _is_shape(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Sent)


def _is_money(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, MoneySent)


def _value(given: Any, annotation: Any) -> Any:
    kind = bare(annotation)
    if get_origin(kind) is list:
        return [_value(each, get_args(kind)[0]) for each in given]
    if not isinstance(given, str):
        return given
    if _is_money(kind):
        return _money(given)
    if _is_shape(kind):
        return _object(given, kind) if given.startswith("{") else _named(given, kind)
    if kind is int or kind is bool:
        return _plain(given)
    return given


def _money(text: str) -> dict[str, str]:
    found = _MONEY.fullmatch(text.strip())
    if found is None:
        raise ValueError("Write an amount with its currency, like 12.34 AUD.")
    return {"amount": found[1], "currency": found[2]}


def _object(text: str, shape: type[Sent]) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"This is no JSON: {error}. Write it whole, or {_spelled(shape)}.") from error


def _named(text: str, shape: type[Sent]) -> dict[str, Any]:
    """ "sku=A,quantity=2" as {"sku": "A", "quantity": 2}."""
    made: dict[str, Any] = {}
    for each in _NEXT.split(text):
        name, equals, value = each.partition("=")
        if not equals or name in made:
            raise ValueError(f"Write {_spelled(shape)}, each once.")
        info = shape.model_fields.get(name)
        made[name] = value if info is None else _value(value, info.annotation)
    return made


def _plain(text: str) -> Any:
    """A whole number, true or false; anything else stays as it is and is refused as that."""
    try:
        made = json.loads(text)
    except ValueError:
        return text
    return made if isinstance(made, int) else text
