"""The API's JSON for people: a list as a table, a single thing as lines. What is empty is left out.

A text of several lines keeps them in a single thing, indented; in a table it is cut after the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.cells import cell_len


def table(items: Sequence[Mapping[str, Any]]) -> str:
    """A line for each item below its fields' names; numbers and money stand to the right."""
    rows = [{name: _first_line(value) for name, value in _cells(each)} for each in items]
    names = dict.fromkeys(name for row in rows for name in row)
    columns = [_column(name, [row.get(name, "") for row in rows], _is_figure(name, items)) for name in names]
    return "".join("  ".join(cells).rstrip() + "\n" for cells in zip(*columns, strict=True))


def thing(made: Mapping[str, Any]) -> str:
    """A line for each field; lists are tables below their names."""
    lines = "".join(_lines(name, value) for name, value in _cells(made))
    for name, value in made.items():
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            lines += f"{name}:\n" + "".join(f"  {each}\n" for each in table(value).splitlines())
    return lines


def _cells(made: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in made.items():
        if value is None or value == "" or (isinstance(value, list | dict) and not value):
            continue
        if isinstance(value, Mapping) and not _is_money(value):
            yield from _cells(value, f"{above}{name}.")
        elif isinstance(value, list):
            if not isinstance(value[0], Mapping):
                yield above + name, ", ".join(_text(each) for each in value)
        else:
            yield above + name, _text(value)


def _text(value: Any) -> str:
    """Its spaces are single, its lines stay lines."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if _is_money(value):
        return f"{value['amount']} {value['currency']}"
    return "\n".join(" ".join(line.split()) for line in str(value).strip().splitlines())


def _lines(name: str, value: str) -> str:
    """A field on its line, or on one of its own and those of its text below it."""
    if "\n" not in value:
        return f"{name}: {value}\n"
    return f"{name}:\n" + "".join(f"  {line}".rstrip() + "\n" for line in value.split("\n"))


def _first_line(text: str) -> str:
    first, more, _rest = text.partition("\n")
    return f"{first} …" if more else first


def _is_money(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) == {"amount", "currency"}


def _is_figure(name: str, items: Sequence[Mapping[str, Any]]) -> bool:
    values = [each.get(name) for each in items]
    return all(value is None or _is_money(value) or type(value) is int for value in values)


def _column(name: str, cells: Sequence[str], to_the_right: bool) -> list[str]:
    width = max(cell_len(each) for each in [name, *cells])
    if to_the_right:
        return [" " * (width - cell_len(each)) + each for each in [name, *cells]]
    return [each + " " * (width - cell_len(each)) for each in [name, *cells]]
