"""What commands print: words for people, or JSON for programs."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def say(text: str, data: Any, *, as_json: bool) -> None:
    """Print one of both."""
    typer.echo(json.dumps(data, ensure_ascii=False) if as_json else text)
