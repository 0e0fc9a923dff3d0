"""Writes the pages of the reference from the code: settings, commands, addresses of the API, events, metrics."""

from collections.abc import Callable, Iterator
from typing import Any

import typer
from prometheus_client.metrics import MetricWrapperBase

from pipeline import metrics, schemas
from pipeline.cli.main import app
from pipeline.search import api, api_docs
from pipeline.settings import Settings, shown, variables

MADE = "*Made from the code of this version.*"


def settings() -> str:
    """Every setting with its default, by group."""
    lines = ["# Settings", "", MADE, ""]
    lines += ["[Operations](../operations.md#parts-start-stop-what-they-tell) says where they are read from.", ""]
    group = ""
    for variable, field in variables():
        name = variable.removeprefix("WHOSAID_").partition("__")
        if (name[0] if name[1] else "GENERAL") != group:
            group = name[0] if name[1] else "GENERAL"
            lines += ["", f"## {group.capitalize()}", "", *_table("variable", "default", "what it is for")]
        default = "of this machine" if field.default_factory else shown(variable, field.default)
        lines.append(_row(f"`{variable}`", f"`{default}`" if default != "–" else default, str(field.description)))
    assert Settings.model_fields
    return "\n".join(lines) + "\n"


def commands() -> str:
    """Every command with its arguments and options, as `--help` shows them."""
    lines = ["# Commands", "", MADE, ""]
    for path, command in _leaves(typer.main.get_command(app), ()):
        context = command.make_context(path[-1], [], resilient_parsing=True)
        lines += [f"## whosaid {' '.join(path)}", "", (command.help or "").strip(), ""]
        usage = " ".join(command.collect_usage_pieces(context))
        lines += ["```text", f"whosaid {' '.join(path)} {usage}".rstrip(), "```", ""]
        records = [record for one in command.get_params(context) if (record := one.get_help_record(context))]
        if records:
            lines += [*_table("argument or option", "what it does")]
            lines += [_row(f"`{name}`", text) for name, text in records]
            lines.append("")
    return "\n".join(lines)


def addresses() -> str:
    """Every address of the API with its parameters."""
    lines = ["# API: every address", "", MADE, "", "[The API](../api.md) says how they are used.", ""]
    for one in api_docs.operations(api.create_app(Settings()).openapi()):
        lines += [f"## {one.method} {one.path}", "", one.summary + ".", "", one.description, ""]
        if one.parameters:
            lines += _table("parameter", "what it is")
            lines += [
                _row(f"`{parameter.name}`", f"{parameter.kind}. {parameter.description}")
                for parameter in one.parameters
            ]
            lines.append("")
    return "\n".join(lines)


def events() -> str:
    """The events on the topics, field by field."""
    lines = ["# Events", "", MADE, "", "The JSON Schemas themselves:", ""]
    lines += [f"- [{name}](../schemas/{name})" for name in schemas.schemas()]
    for name, schema in schemas.schemas().items():
        parts = {schema.get("title", name): schema, **schema.get("$defs", {})}
        for title, part in parts.items():
            if "properties" not in part:
                continue
            heading = f"## {name}" if part is schema else f"### {title} (of {name})"
            lines += ["", heading, "", str(part.get("description", "")), "", *_table("field", "type", "what it is")]
            for field, about in part["properties"].items():
                lines.append(_row(f"`{field}`", _kind(about), str(about.get("description", ""))))
    return "\n".join(lines) + "\n"


def every_metric() -> str:
    """Every metric with its labels."""
    lines = ["# Metrics: every one", "", MADE, "", *_table("metric", "type", "labels", "what it tells")]
    for one in vars(metrics).values():
        if isinstance(one, MetricWrapperBase):
            name = one._name + ("_total" if one._type == "counter" else "")
            labels = ", ".join(f"`{label}`" for label in one._labelnames) or "–"
            lines.append(_row(f"`{name}`", one._type, labels, one._documentation))
    return "\n".join(lines) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "reference/settings.md": settings,
    "reference/commands.md": commands,
    "reference/addresses.md": addresses,
    "reference/events.md": events,
    "reference/metrics.md": every_metric,
}


def _leaves(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not isinstance(command, typer.core.TyperGroup):
        yield path, command
        return
    for name, sub in command.commands.items():
        yield from _leaves(sub, (*path, name))


def _kind(about: dict[str, Any]) -> str:
    if "$ref" in about:
        return str(about["$ref"]).rpartition("/")[2]
    if "anyOf" in about:
        return " or ".join(_kind(one) for one in about["anyOf"])
    if about.get("type") == "array" and isinstance(about.get("items"), dict):
        return f"list of {_kind(about['items'])}"
    return str(about.get("type", "any"))


def _table(*heads: str) -> list[str]:
    return [_row(*heads), _row(*["---"] * len(heads))]


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
