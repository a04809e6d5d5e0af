"""Examples of what is sent and answered, made from the API's own description."""

from __future__ import annotations

from typing import Any

_MOMENT, _DAY = "2026-10-31T17:30:00.000000Z", "2026-10-31"

Schema = dict[str, Any]


class Examples:
    """They come from the document's shapes: their `examples`, else those of a field of the same name."""

    def __init__(self, document: Schema) -> None:
        self._document = document
        self._named = _examples_by_name(document)

    def resolved(self, schema: Schema) -> Schema:
        """The schema itself where it is a reference or may be null; else as it is."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return self.resolved(self._document["components"]["schemas"][name])
        kinds = [each for each in schema.get("anyOf", []) if each.get("type") != "null"]
        return {**schema, **self.resolved(kinds[0])} if kinds else schema

    def response(self, response: Schema) -> Schema:
        """The response itself where it is a reference, as those that refuse are; else as it is."""
        name = response.get("$ref", "").rpartition("/")[2]
        return self._document["components"]["responses"][name] if name else response

    def request(self, schema: Schema) -> Any:
        """A body of that schema: what is required, and what the schema has an example of."""
        whole = self.resolved(schema)
        required = whole.get("required", [])
        return {
            name: self._value(name, inner, self.request)
            for name, inner in whole.get("properties", {}).items()
            if name in required or "examples" in inner
        }

    def answer(self, schema: Schema) -> Any:
        """An answer of that schema, with all fields."""
        properties = self.resolved(schema).get("properties", {})
        return {name: self._value(name, inner, self.answer) for name, inner in properties.items()}

    def parameter(self, parameter: Schema) -> Any:
        """A value of a parameter of an address or a query."""
        return self._value(parameter["name"], parameter["schema"], self.request)

    def _value(self, name: str, schema: Schema, of_object: Any) -> Any:
        if "examples" in schema:
            return schema["examples"][0]
        whole = self.resolved(schema)
        if "properties" in whole:
            return of_object(whole)
        if whole.get("type") == "array":
            return [self._value(name.removesuffix("s"), whole["items"], of_object)]
        if of_object == self.answer and {"type": "null"} in whole.get("anyOf", []):
            return None  # as most stand before anything came of the thing
        if "const" in whole or "enum" in whole:
            return whole["const"] if "const" in whole else whole["enum"][0]
        return self._named.get(name, _plain(whole))


def _examples_by_name(document: Schema) -> dict[str, Any]:
    """The first example that any shape has for a field of that name."""
    found: dict[str, Any] = {}
    for shape in document["components"]["schemas"].values():
        for name, schema in shape.get("properties", {}).items():
            if "examples" in schema:
                found.setdefault(name, schema["examples"][0])
    return found


def _plain(schema: Schema) -> Any:
    """A value of a schema that says no more than its type."""
    kind = schema.get("type")
    if kind == "string":
        return {"date-time": _MOMENT, "date": _DAY}.get(schema.get("format", ""), schema.get("default", ""))
    if kind == "integer":
        return schema.get("default", schema.get("minimum", 1))
    if kind == "boolean":
        return schema.get("default", False)
    return {} if kind == "object" else None
