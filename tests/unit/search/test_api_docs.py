"""The OpenAPI description is told in words."""

from typing import Any

import pytest

from pipeline.search import api_docs

OPENAPI: dict[str, Any] = {
    "components": {
        "schemas": {
            "Colour": {"type": "string", "enum": ["red", "blue"]},
            "Boat": {"type": "object", "properties": {"name": {"type": "string", "description": "Its name."}}},
        }
    },
    "paths": {
        "/boats/{id}": {
            "get": {
                "summary": "One boat",
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
                    {"name": "colour", "in": "query", "schema": {"$ref": "#/components/schemas/Colour"}},
                    {"name": "old", "in": "query", "schema": {"type": "boolean", "default": False}},
                ],
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Boat"}}}},
                    "404": {"description": "There is no such boat."},
                },
            }
        }
    },
}


def test_an_operation_is_told_with_parameters_answer_and_errors() -> None:
    (one,) = api_docs.operations(OPENAPI)
    assert (one.method, one.path, one.summary, one.answer) == ("GET", "/boats/{id}", "One boat", "Boat")
    assert [(row.name, row.required, row.choices) for row in one.parameters] == [
        ("id", True, ()),
        ("colour", False, ("red", "blue")),
        ("old", False, ()),
    ]
    assert one.parameters[2].default == "false"
    assert [(row.name, row.kind, row.description) for row in one.fields] == [("name", "text", "Its name.")]
    assert one.errors == [("404", "There is no such boat.")]


def test_an_operation_with_a_name_in_its_path_has_no_form() -> None:
    (one,) = api_docs.operations(OPENAPI)
    assert not one.form
    assert one.anchor == "boats-id"


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string"}, "text"),
        ({"type": "string", "format": "date"}, "date"),
        ({"type": "string", "format": "date-time"}, "time"),
        ({"type": "integer", "minimum": 1, "maximum": 100}, "whole number, 1 to 100"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "number"),
        ({"anyOf": [{"type": "string", "format": "date"}, {"type": "integer"}]}, "date or whole number"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Boat"}}, "list of Boat"),
        ({"type": "array", "items": {"type": "array", "prefixItems": [{}, {}]}}, "list of pair"),
        ({"$ref": "#/components/schemas/Colour"}, "text"),
        ({"type": "object"}, "object"),
        ({}, "any"),
    ],
)
def test_kinds_are_told_in_words(schema: dict[str, Any], words: str) -> None:
    assert api_docs.kind(schema, OPENAPI) == words
