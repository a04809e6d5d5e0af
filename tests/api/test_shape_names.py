"""Each shape of the API has a name of its own: of two with one name the document would keep one, silently."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, get_args

from pydantic import BaseModel, create_model

from tillbook.api.urls import api


def models_of(kind: Any, found: set[type[BaseModel]]) -> None:
    """Put every model into `found` that the type has, its fields' too."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if kind not in found:
            found.add(kind)
            for field in kind.model_fields.values():
                models_of(field.annotation, found)
        return
    for each in get_args(kind):
        models_of(each, found)


def all_models() -> set[type[BaseModel]]:
    found: set[type[BaseModel]] = set()
    for _prefix, router in api._routers:
        for view in router.path_operations.values():
            for operation in view.operations:
                for model in [*operation.models, *operation.response_models.values()]:
                    models_of(model, found)
    return found


def clashes(models: set[type[BaseModel]]) -> list[str]:
    """The names that models of different content share."""
    contents: dict[str, set[str]] = defaultdict(set)
    for each in models:
        contents[each.__name__].add(repr(each.model_json_schema()))
    return sorted(name for name, different in contents.items() if len(different) > 1)


def test_no_two_shapes_with_one_name_differ():
    models = {each for each in all_models() if each.__module__.startswith("tillbook.")}
    assert len(models) > 100
    assert clashes(models) == []


def test_two_that_differ_are_found():
    one, other = create_model("Line", text=(str, ...)), create_model("Line", number=(int, ...))
    assert clashes({one, create_model("Line", text=(str, ...))}) == []
    assert clashes({one, other}) == ["Line"]
