"""Writes the events' JSON Schemas, and refuses a change that old readers or old events would not survive.

    python -m pipeline.schemas docs/schemas      # what `make schemas` runs

Within one `SCHEMA_VERSION` a worker of yesterday reads the events of today, and the other way round: the parts are
updated one after the other, and topics keep events for weeks. So fields may be added that have a default, and
descriptions may change; a field that is there keeps its name, its type, its limits and whether it must be given, and an
enumeration keeps its values. Anything else is a new `SCHEMA_VERSION`: its schema is a new file, the old one stays, and
readers of the old version leave its events in dead letters until they are updated.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipeline.errors import InputError
from pipeline.models import SCHEMA_VERSION, Article, DeadLetter, Enriched

MODELS: dict[str, type[BaseModel]] = {"article": Article, "enriched": Enriched, "deadletter": DeadLetter}

_WORDS = {"title", "description", "examples", "$comment", "$schema"}
"""What only people read."""

Schema = dict[str, Any]


def schemas() -> dict[str, Schema]:
    """The schemas by file name, in the version of today: `article.v1.json` …"""
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {
        f"{name}.v{SCHEMA_VERSION}.json": {"$schema": dialect} | model.model_json_schema(mode="validation")
        for name, model in MODELS.items()
    }


def text(schema: Schema) -> str:
    """The schema as it stands in its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def incompatible(old: Schema, new: Schema) -> list[str]:
    """What of the change breaks old readers or old events, a sentence each; empty where nothing does."""
    return list(_compare(_expanded(old, old), _expanded(new, new), "event"))


def write(folder: Path) -> list[Path]:
    """Writes the schemas; the files that changed.

    Raises:
        InputError: a change is not compatible within this version. Nothing is written then.
    """
    changed = []
    for name, schema in schemas().items():
        path = folder / name
        if path.exists():
            problems = incompatible(json.loads(path.read_text(encoding="utf-8")), schema)
            if problems:
                raise InputError(
                    f"{name}: {'; '.join(problems)}. Old readers or events would break: keep it as it was, or raise "
                    "SCHEMA_VERSION in pipeline/models.py."
                )
        if not path.exists() or path.read_text(encoding="utf-8") != text(schema):
            changed.append((path, text(schema)))
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in changed:
        path.write_text(content, encoding="utf-8")
    return [path for path, _ in changed]


def _expanded(node: Any, root: Schema) -> Any:
    """The schema with its references replaced by what they refer to; none of ours refers to itself."""
    if isinstance(node, list):
        return [_expanded(item, root) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target: Any = root
        for part in str(node["$ref"]).removeprefix("#/").split("/"):
            target = target[part]
        return _expanded(target | {key: value for key, value in node.items() if key != "$ref"}, root)
    return {
        key: {name: _expanded(definition, root) for name, definition in value.items()}
        if key == "properties"
        else _expanded(value, root)
        for key, value in node.items()
        if key not in _WORDS and key != "$defs"
    }


def _compare(old: Any, new: Any, where: str) -> Iterator[str]:
    if not isinstance(old, dict) or not isinstance(new, dict):
        if old != new:
            yield f"{where} changed"
        return
    ours, theirs = old.get("properties", {}), new.get("properties", {})
    for name in sorted(ours.keys() - theirs.keys()):
        yield f"{where}.{name} is gone"
    for name in sorted(ours.keys() & theirs.keys()):
        yield from _compare(ours[name], theirs[name], f"{where}.{name}")
    before, after = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(after - before):
        yield f"{where}.{name} must be given now"
    for name in sorted(before - after):
        yield f"{where}.{name} need not be given any more"
    rest = (old.keys() | new.keys()) - {"properties", "required", "default"}
    for key in sorted(rest):
        one, other = old.get(key), new.get(key)
        if key in ("anyOf", "items", "additionalProperties", "prefixItems") and one is not None and other is not None:
            yield from _inner(one, other, f"{where}[{key}]")
        elif one != other:
            yield f"{where}: {key} was {_short(one)} and is {_short(other)}"


def _inner(old: Any, new: Any, where: str) -> Iterator[str]:
    if not isinstance(old, list) or not isinstance(new, list):
        yield from _compare(old, new, where)
    elif len(old) != len(new):
        yield f"{where}: there were {len(old)} kinds and are {len(new)}"
    else:
        for before, after in zip(old, new, strict=True):
            yield from _compare(before, after, where)


def _short(value: Any) -> str:
    return "not there" if value is None else json.dumps(value)[:80]


if __name__ == "__main__":
    try:
        for written in write(Path(sys.argv[1])):
            print(f"Wrote {written}")
    except InputError as problem:
        sys.exit(f"whosaid: {problem}")
