"""The API's operations as commands: `give_credit` is `tillbook credit give`.

Each is made from what its endpoint declares, calls it in this process, and answers what the API answers.
"""

from __future__ import annotations

import inspect
import json
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer
from django.http import HttpResponse, QueryDict
from django.utils import timezone
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.progress import Progress, TextColumn

from tillbook.api import background, problems, urls
from tillbook.api.edge import ApiRequest
from tillbook.api.endpoints import Kind, Operation, operations
from tillbook.api.shapes import MOST, Sent
from tillbook.cli import fields, shown
from tillbook.cli.output import AsJson, named
from tillbook.common.actor import Actor
from tillbook.common.errors import InvalidInput, Refusal
from tillbook.staff import queries as staff

assert urls.api  # all endpoints are declared by now

_ERRORS = Console(stderr=True)  # progress is not output
_NAMES = {
    "add_customer": "username",
    "add_webhook": "url",
    "add_gateway": "gateway",
}  # what names the new thing is no option
_VERBS = {"get": "show"}
_ALWAYS_MANY = {"settings"}
_STARTED = 202
#: what another has still to answer -> how it stands once that is there
_AFTERWARDS = {"send_refund": "get_refund", "ask_refund": "get_refund"}
_WIDE = 64  # characters of a line that is shown whole
_STANDARD = Path("-")  # input or output

By = Annotated[str | None, typer.Option("--by", metavar="USERNAME", help="Act as that user, by their role.")]
Key = Annotated[
    str | None, typer.Option("--key", help="Your own name for this change: with the same, it happens once.")
]
All = Annotated[bool, typer.Option("--all", help="The whole list; with --json, one item a line.")]
Output = Annotated[Path, typer.Option("--output", help="The file to write; - is standard output.")]
File = Annotated[Path, typer.Argument(help="JSON, or one JSON object a line; - is standard input.")]


def place(operation: Operation) -> tuple[str, str]:
    """The noun and the verb of an operation's command."""
    verb, noun, *more = operation.name.split("_")
    verb = "-".join([_VERBS.get(verb, verb), *more])
    return _singular(noun), f"{verb}-many" if operation.kind is Kind.BATCH else verb


def _singular(noun: str) -> str:
    if noun in _ALWAYS_MANY:
        return noun
    return f"{noun[:-3]}y" if noun.endswith("ies") else noun.removesuffix("s")


def command_line(operation: Operation, path: Mapping[str, Any], body: Mapping[str, Any]) -> str:
    """The line of a shell that does what the API does with these parts of its address and this body."""
    command = _Command(operation)
    words = ["tillbook", *place(operation), *[quote(str(path[each.name])) for each in command.path]]
    for field in command.fields:
        words += field.written(body)
    own = {Kind.BATCH: "items.json", Kind.DOCUMENT: "--output file.pdf"}
    words += filter(None, [own.get(operation.kind)])
    return " ".join(words) if len(" ".join(words)) < _WIDE else _wrapped(words)


def _wrapped(words: Sequence[str]) -> str:
    """The words on several lines, each option with its value on one."""
    start = next((at for at, word in enumerate(words) if word.startswith("--")), len(words))
    return " \\\n  ".join([" ".join(words[:start]), *words[start:]])


def nouns() -> dict[str, typer.Typer]:
    """The commands of all operations, by their nouns."""
    found: dict[str, dict[str, Operation]] = {}
    for operation in operations.values():
        noun, verb = place(operation)
        found.setdefault(noun, {})[verb] = operation
    return {noun: _group(noun, verbs) for noun, verbs in found.items()}


class _Noun(typer.core.TyperGroup):
    """A noun's commands. Its help names them all, with those that other modules have put beside the API's."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.help = f"{', '.join(self.commands)}."


def _group(noun: str, verbs: dict[str, Operation]) -> typer.Typer:
    made = typer.Typer(name=noun, cls=_Noun, no_args_is_help=True, callback=lambda: None)
    for verb, operation in verbs.items():
        made.command(verb, help=_help(operation))(_Command(operation).function())
    return made


def _help(operation: Operation) -> str:
    """What the endpoint says, and what its model says of the fields."""
    model = _model(operation)
    fields_of = inspect.getdoc(model) if model is not None and model.model_fields else None
    return "\n\n".join(filter(None, [inspect.getdoc(operation.endpoint), fields_of]))


def _model(operation: Operation) -> type[Sent] | None:
    """The shape of what the operation is sent, in its body or its query."""
    for each in list(inspect.signature(operation.answered).parameters.values())[1:]:
        kind = fields.bare(each.annotation)
        if isinstance(kind, type) and issubclass(kind, Sent):
            return kind
    return None


class _Command:
    """One operation as a function that typer makes a command of."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        parameters = list(inspect.signature(operation.answered).parameters.values())[1:]
        self.model = _model(operation)
        self.into = next((each.name for each in parameters if fields.bare(each.annotation) is self.model), "")
        self.path = [each for each in parameters if each.name != self.into]
        is_batch = operation.kind is Kind.BATCH
        named = _NAMES.get(operation.name, "")
        self.fields = [] if is_batch or self.model is None else fields.of(self.model, named)
        self.is_list = "cursor" in (self.model.model_fields if self.model else {})

    def function(self) -> Callable[..., None]:
        """It takes the operation's parameters, and those that all commands share."""

        def command(**given: Any) -> None:
            self._run(given)

        wanted = [_argument(each) for each in self.path] + [each.parameter() for each in self.fields]
        wanted += self._shared()
        signature = inspect.Signature(
            [
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
                for name, kind, default in wanted
            ]
        )
        command.__signature__ = signature  # type: ignore[attr-defined]
        command.__annotations__ = {name: kind for name, kind, _ in wanted}
        return command

    def _shared(self) -> list[tuple[str, Any, Any]]:
        own: dict[Kind, list[tuple[str, Any, Any]]] = {
            Kind.CHANGE: [("key", Key, None)],
            Kind.BATCH: [("file", File, inspect.Parameter.empty)],
            Kind.DOCUMENT: [("output", Output, inspect.Parameter.empty)],
        }
        paged: list[tuple[str, Any, Any]] = [("everything", All, False)] if self.is_list else []
        as_json: list[tuple[str, Any, Any]] = [("as_json", AsJson, False)]
        return [*own.get(self.operation.kind, []), *paged, ("by", By, None), *as_json]

    def _run(self, given: dict[str, Any]) -> None:
        as_json = given["as_json"]
        try:
            body = self._body(given)
            if given.get("everything"):
                self._show_all(given, body)
                return
            response = self.answer(given, body)
            if (name := _AFTERWARDS.get(self.operation.name)) is not None:
                response = _Command(operations[name]).answer(given, {})
        except _Refused as refused:
            typer.echo(refused.text if as_json else refused.line, err=True)
            raise typer.Exit(refused.code) from None
        self._show(response, given)

    def _body(self, given: dict[str, Any]) -> dict[str, Any]:
        if "file" in given:
            return {"items": _items(given["file"])}
        update = self.operation.kind is Kind.UPDATE
        body: dict[str, Any] = {}
        for field in self.fields:
            value = given[field.name]
            field.check_given(value)
            if value is None or value == []:
                continue
            if value == str(_STANDARD) and field.is_secret:
                value = sys.stdin.readline().strip()
            try:
                field.put(body, value, may_be_none=update)
            except ValueError as error:
                raise self._misshapen([{"loc": ("body", "", *field.place), "msg": str(error)}]) from error
        return body

    def answer(self, given: dict[str, Any], body: dict[str, Any]) -> HttpResponse:
        """What the API answers. Raises _Refused."""
        arguments = self._arguments(given, body)
        request = _request(self.operation, [str(given[each.name]) for each in self.path], body)
        if self.operation.kind is Kind.CHANGE:
            key = given["key"]
            request.META["HTTP_IDEMPOTENCY_KEY"] = uuid.uuid4().hex if key is None else key
        try:
            request.actor = actor_of(given["by"])
            response = self.operation.answered(request, **arguments)
        except Refusal as refusal:
            response = problems.of_refusal(refusal, body)
        if response.status_code >= 400:
            text = response.content.decode()
            raise _Refused(self._line(json.loads(text)), text, 1)
        return response

    def _line(self, problem: Mapping[str, Any]) -> str:
        """What a problem says, after the option that it is about. An argument needs no name."""
        place = self._place(problem.get("errors", []))
        field = self._field_at(place)
        if field is None or field.is_argument:
            return str(problem["detail"])
        return named(_where(field, place), problem["detail"])

    def _place(self, errors: Sequence[Mapping[str, str]]) -> list[str]:
        """Where in the body a problem's first error is; a field that was left out would be there."""
        if not errors:
            return []
        if "pointer" in errors[0]:
            return errors[0]["pointer"].split("/")[1:]
        name = errors[0].get("parameter", "")
        found = [each for each in self.fields if each.place[-1] == name]
        is_own = len(found) == 1 and name not in {each.name for each in self.path}
        return list(found[0].place) if is_own else []

    def _field_at(self, place: Sequence[str]) -> fields.Field | None:
        return next((each for each in self.fields if list(each.place) == place[: len(each.place)]), None)

    def _arguments(self, given: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        try:
            for each in self.path:
                arguments[each.name] = TypeAdapter(each.annotation).validate_python(given[each.name])
        except ValidationError as error:
            raise self._misshapen([{"loc": ("path", each.name), "msg": error.errors()[0]["msg"]}]) from error
        try:
            if self.model is not None:
                arguments[self.into] = self.model.model_validate(body)
        except ValidationError as error:
            wrong = [
                {"loc": ["body", self.into, *found["loc"]], "msg": found["msg"]} for found in error.errors()
            ]
            raise self._misshapen(wrong) from error
        return arguments

    def _misshapen(self, errors: Sequence[Mapping[str, Any]]) -> _Refused:
        """The refusal of what has not the documented shape: its line names the option."""
        source, *location = errors[0]["loc"]
        place = [str(each) for each in location[1:]] if source == "body" else []
        field = self._field_at(place)
        where = str(location[0]).upper() if source != "body" else ".".join(place) or "FILE"
        if field is not None:
            where = _where(field, place)
        message = str(errors[0]["msg"]).removeprefix("Value error, ")
        return _Refused(f"{where}: {message}", problems.of_validation(errors).content.decode(), 2)

    def _show(self, response: HttpResponse, given: dict[str, Any]) -> None:
        if self.operation.kind is Kind.DOCUMENT:
            _write(response.content, given["output"])
            return
        text = response.content.decode()
        made = json.loads(text)
        if response.status_code == _STARTED:
            _ERRORS.print(f"Check {made['number']} is running.", highlight=False)
            background.wait()
        if given["as_json"]:
            typer.echo(text)
        elif self.is_list:
            typer.echo(shown.table(made["items"]), nl=False)
            if made["next_cursor"] is not None:
                typer.echo(f"There are more: --cursor {made['next_cursor']}, or --all.", err=True)
        elif self.operation.kind is Kind.BATCH:
            typer.echo(shown.table(made["outcomes"]), nl=False)
        else:
            typer.echo(shown.thing(made), nl=False)
        _check_outcomes(made)

    def _show_all(self, given: dict[str, Any], body: dict[str, Any]) -> None:
        items = self._pages(given, {"limit": MOST, **body})
        if given["as_json"]:
            for each in items:
                typer.echo(json.dumps(each, ensure_ascii=False, separators=(",", ":")))
        else:
            typer.echo(shown.table(list(items)), nl=False)

    def _pages(self, given: dict[str, Any], body: dict[str, Any]) -> Iterator[Any]:
        """The items of all pages; a person sees how far it is."""
        columns = TextColumn("{task.completed} read")
        with Progress(columns, console=_ERRORS, disable=not _ERRORS.is_terminal, transient=True) as progress:
            task = progress.add_task("", total=None)
            while True:
                page = json.loads(self.answer(given, body).content)
                progress.advance(task, len(page["items"]))
                yield from page["items"]
                if page["next_cursor"] is None:
                    return
                body = {**body, "cursor": page["next_cursor"]}


class _Refused(Exception):
    """What the API refuses: a line for people, the problem's JSON for programs, and an exit code."""

    def __init__(self, line: str, text: str, code: int) -> None:
        super().__init__(line)
        self.line, self.text, self.code = " ".join(line.split()), text, code


def _where(field: fields.Field, place: Sequence[str]) -> str:
    """How people write the field, and what of its value is meant: "--line, 0, sku"; money is one word."""
    return ", ".join([field.shown, *([] if field.is_money else place[len(field.place) :])])


def _argument(parameter: inspect.Parameter) -> tuple[str, Any, Any]:
    kind = fields.bare(parameter.annotation)
    return parameter.name, Annotated[kind, typer.Argument(show_default=False)], inspect.Parameter.empty


def _request(operation: Operation, path: list[str], body: dict[str, Any]) -> ApiRequest:
    """A request that came over no wire; its key stands for this operation and this content."""
    request = ApiRequest()
    request.method = "GET" if operation.kind in {Kind.READ, Kind.DOCUMENT} else "POST"
    request.path = "/".join([operation.name, *path])
    request.GET = QueryDict()
    request.parsed_body = body
    request._body = json.dumps(body).encode()  # noqa: SLF001 - as Django's own test client would send it
    request.now = timezone.now()
    return request


def actor_of(username: str | None) -> Actor:
    """In whose name a command acts: the user of --by, or the system. Raises InvalidInput, UserNotFound."""
    if username is None:
        return Actor.system("cli")
    user = staff.by_username(username)
    if not user.is_active:
        raise InvalidInput(f"{username} can't log in any more.", field="by")
    return user.as_actor("cli")


def _items(file: Path) -> Any:
    """The items of a file: a JSON list, the API's own {"items": [...]}, or an object a line."""
    try:
        text = sys.stdin.read() if file == _STANDARD else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise InvalidInput(f"{file} can't be read: {why}.") from error
    try:
        sent = _json(text)
    except ValueError:
        return [_item(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if isinstance(sent, dict):
        return sent.get("items", [sent])
    return sent


def _item(number: int, line: str) -> Any:
    try:
        return _json(line)
    except ValueError as error:
        raise InvalidInput(f"Line {number} of the file is no JSON: {error}.") from error


def _json(text: str) -> Any:
    """Raises ValueError for what is no JSON."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise InvalidInput("The file's lists and objects are nested too deeply.") from error


def _write(content: bytes, output: Path) -> None:
    try:
        if output == _STANDARD:
            sys.stdout.buffer.write(content)
        else:
            output.write_bytes(content)
    except OSError as error:
        raise InvalidInput(f"{output} can't be written: {error.strerror}.") from error


def _check_outcomes(made: Any) -> None:
    """Exit code 1 if a part of a batch was refused."""
    outcomes = made.get("outcomes", [])
    refused = sum(each["problem"] is not None for each in outcomes)
    if refused:
        typer.echo(f"{refused} of {len(outcomes)} refused.", err=True)
        raise typer.Exit(1)


NOUNS = nouns()
commands = typer.Typer()
for _each in NOUNS.values():
    commands.add_typer(_each)
