"""The wire itself: bodies in JSON or XML become plain texts, lists and dicts, and back.

Numbers stay the text that they were sent as: no binary fraction comes near an amount.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn
from xml.parsers import expat
from xml.sax.saxutils import escape

from tillbook.common.errors import InvalidInput

LARGEST = 2 * 2**20  # bytes of a body
DEEPEST = 16  # elements in elements
_LONGEST = 10_000  # characters of one text
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Tree = dict[str, Any]


def read(body: bytes) -> Tree:
    """What was sent, whatever it is said to be: many clients name no content type, or a wrong one.

    Raises InvalidInput for what is neither a JSON object nor an XML document without a DTD.
    """
    if len(body) > LARGEST:
        raise InvalidInput(f"The request is too large. Send at most {LARGEST // 2**20} MiB.")
    plain = body.removeprefix(b"\xef\xbb\xbf").strip()
    if not plain:
        return {}
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16, which only XML may be
        tree = _Xml().read(body)
    else:
        tree = _Xml().read(plain) if plain.startswith(b"<") else _json(plain)
    _check(tree, DEEPEST)
    return tree


def _json(body: bytes) -> Tree:
    try:
        tree = json.loads(body, parse_float=str, parse_int=str, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The body is not JSON.") from error
    if not isinstance(tree, dict):
        raise InvalidInput("The body must be a JSON object.")
    return tree


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


class _Xml:
    """Reads one document. Expat loads nothing from outside; a DTD, and so every entity, is refused."""

    def __init__(self) -> None:
        self._open: list[tuple[str, Tree, list[str]]] = []
        self._root: Any = {}
        self._parser = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = _no_doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text

    def read(self, body: bytes) -> Tree:
        try:
            self._parser.Parse(body, True)
        except (expat.ExpatError, LookupError, ValueError) as error:
            raise InvalidInput("The body is not XML.") from error
        return self._root if isinstance(self._root, dict) else {}

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        del attributes  # the wire has none
        if len(self._open) > DEEPEST:
            raise InvalidInput("The elements stand too deep in each other.")
        self._open.append((name.rpartition(":")[2], {}, []))

    def _text(self, text: str) -> None:
        self._open[-1][2].append(text)

    def _end(self, name: str) -> None:
        del name
        tag, inner, texts = self._open.pop()
        value: Any = inner or "".join(texts).strip()
        if not self._open:
            self._root = value
            return
        around = self._open[-1][1]
        if tag not in around:
            around[tag] = value
        elif isinstance(around[tag], list):
            around[tag].append(value)
        else:
            around[tag] = [around[tag], value]


def _no_doctype(*declared: object) -> NoReturn:
    del declared
    raise InvalidInput("Send XML without a DOCTYPE.")


def _check(value: Any, depth: int) -> None:
    if isinstance(value, str):
        if len(value) > _LONGEST or "\0" in value or not _encodes(value):
            raise InvalidInput(f"Use at most {_LONGEST} characters in one field, all of them whole.")
    elif isinstance(value, dict | list):
        if depth == 0:
            raise InvalidInput("The fields stand too deep in each other.")
        for each in value.values() if isinstance(value, dict) else value:
            _check(each, depth - 1)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def to_json(tree: Tree) -> str:
    return json.dumps(tree, ensure_ascii=False)


def from_json(text: str) -> Tree:
    """What `to_json` wrote."""
    tree: Tree = json.loads(text)
    return tree


def to_xml(action: str, tree: Tree) -> str:
    """The document `<{action}Response>`; a list is its element repeated."""
    root = f"{action if re.fullmatch('[A-Za-z]{1,40}', action) else 'NetoAPI'}Response"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{_element(root, tree)}'


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_element(name, each) for each in value)
    if isinstance(value, dict):
        inner = "".join(_element(each, below) for each, below in value.items())
    else:
        inner = escape(_NO_XML.sub("\ufffd", str(value)))
    return f"<{name}>{inner}</{name}>"
