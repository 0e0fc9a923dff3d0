"""Turns the OpenAPI description of the service into rows for the page /docs."""

from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """A parameter or a field."""

    name: str
    kind: str
    description: str
    required: bool = False
    default: str = ""
    choices: tuple[str, ...] = ()
    place: str = "query"


@dataclass(frozen=True)
class Operation:
    """An operation of the service: a method and a path."""

    method: str
    path: str
    summary: str
    description: str
    parameters: list[Row]
    answer: str
    fields: list[Row]
    errors: list[tuple[str, str]]

    @property
    def anchor(self) -> str:
        """The anchor of its section on the page."""
        return "-".join(part.strip("{}") for part in self.path.strip("/").split("/"))

    @property
    def form(self) -> bool:
        """Whether the page can offer a form for it: fields of a form become the query, never the path."""
        return self.method == "GET" and "{" not in self.path


def operations(openapi: Schema) -> list[Operation]:
    """All operations, in the order of the routes."""
    return [
        _operation(method, path, operation, openapi)
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
    ]


def _operation(method: str, path: str, operation: Schema, openapi: Schema) -> Operation:
    answers = dict(operation["responses"])
    done = next(status for status in answers if status.startswith("2"))  # 201: made; 204: removed
    answer, fields = _answer(answers.pop(done), openapi)
    return Operation(
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        description=operation.get("description", ""),
        parameters=[
            *(_parameter(parameter, openapi) for parameter in operation.get("parameters", ())),
            *_body(operation.get("requestBody", {}), openapi),
        ],
        answer=answer,
        fields=fields,
        errors=[(status, answer["description"]) for status, answer in sorted(answers.items())],
    )


def _parameter(parameter: Schema, openapi: Schema) -> Row:
    schema = parameter["schema"]
    return Row(
        name=parameter["name"],
        kind=kind(schema, openapi),
        description=parameter.get("description", schema.get("description", "")),
        required=parameter.get("required", False),
        default=_default(schema.get("default")),
        choices=choices(schema, openapi),
        place=parameter["in"],
    )


def _body(body: Schema, openapi: Schema) -> list[Row]:
    """The fields of a JSON body."""
    if "application/json" not in body.get("content", {}):
        return []
    schema = _resolve(body["content"]["application/json"]["schema"], openapi)
    return [
        Row(
            name=name,
            kind=kind(field, openapi),
            description=field.get("description", ""),
            required=name in schema.get("required", ()),
            place="body",
        )
        for name, field in schema.get("properties", {}).items()
    ]


def _answer(response: Schema, openapi: Schema) -> tuple[str, list[Row]]:
    content = response.get("content", {})
    if "application/json" not in content:
        return " or ".join(content) or "nothing", []
    schema = content["application/json"]["schema"]
    described = _resolve(schema.get("items", schema), openapi)
    fields = [
        Row(name, kind(field, openapi), _resolve(field, openapi).get("description", field.get("description", "")))
        for name, field in described.get("properties", {}).items()
    ]
    return kind(schema, openapi), fields


def kind(schema: Schema, openapi: Schema) -> str:
    """The type of a value in a few words: text, number, list of Quote …"""
    if "$ref" in schema:
        resolved = _resolve(schema, openapi)
        return "text" if resolved.get("type") == "string" else schema["$ref"].rpartition("/")[2]
    if "anyOf" in schema:
        kinds = [kind(option, openapi) for option in schema["anyOf"] if option.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if schema.get("type") == "array":
        if "prefixItems" in schema:
            return "pair"
        return f"list of {kind(schema['items'], openapi)}"
    if schema.get("type") == "object":
        return "object"
    names = {"string": {"date-time": "time", "date": "date"}.get(schema.get("format", ""), "text")}
    names |= {"integer": "whole number", "number": "number", "boolean": "true or false"}
    name = names.get(schema.get("type", ""), "any")
    if "minimum" in schema and "maximum" in schema:
        name += f", {schema['minimum']:g} to {schema['maximum']:g}"
    return name


def choices(schema: Schema, openapi: Schema) -> tuple[str, ...]:
    """The allowed values, where they are listed."""
    for option in (schema, *schema.get("anyOf", ()), schema.get("items", {})):
        if values := _resolve(option, openapi).get("enum"):
            return tuple(str(value) for value in values)
    return ()


def _resolve(schema: Schema, openapi: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    resolved: Schema = openapi["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return resolved


def _default(value: object) -> str:
    if value is None or value == "" or value == []:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
