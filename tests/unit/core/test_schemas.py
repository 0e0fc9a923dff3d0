"""The events' schemas: current, changed compatibly only, and every event that was ever published can still be read."""

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipeline import schemas
from pipeline.errors import InputError
from pipeline.models import Article, Enriched
from pipeline.schemas import incompatible

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "docs" / "schemas"
EVENTS = ROOT / "tests" / "fixtures" / "events"
NAMES = list(schemas.schemas())


@pytest.mark.parametrize("name", NAMES)
def test_the_files_are_current(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == schemas.text(schemas.schemas()[name]), "run `make schemas`"


@pytest.mark.parametrize("name", NAMES)
def test_no_change_breaks_old_readers_or_events(name: str) -> None:
    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else ""

    path = f"docs/schemas/{name}"
    earlier = [git("show", f"{commit}:{path}") for commit in git("log", "--format=%H", "--", path).split()]
    # At the least what is committed; a clone without history has that alone.
    for old in filter(None, [*earlier, (FOLDER / name).read_text(encoding="utf-8")]):
        assert incompatible(json.loads(old), schemas.schemas()[name]) == []


def changed(**changes: Any) -> dict[str, Any]:
    """The article's schema with changes to its properties; None takes one away."""
    schema = copy.deepcopy(schemas.schemas()["article.v1.json"])
    for name, change in changes.items():
        if change is None:
            del schema["properties"][name]
        else:
            schema["properties"][name] = schema["properties"].get(name, {}) | change
    return schema


NOW = schemas.schemas()["article.v1.json"]


def test_a_field_may_be_added_and_words_may_change() -> None:
    assert incompatible(NOW, changed(mood={"type": "string", "default": "good"})) == []
    assert incompatible(NOW, changed(body={"description": "Its words."}, headline={"default": "none"})) == []


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (changed(byline=None), "event.byline is gone"),
        (changed(body=None, text={"type": "string"}), "event.body is gone"),
        (changed(headline={"type": "integer"}), 'event.headline: type was "string" and is "integer"'),
        (changed(revision={"minimum": 5}), "event.revision: minimum was 0 and is 5"),
        (changed(headline={"maxLength": 10}), "event.headline: maxLength was not there and is 10"),
        (NOW | {"required": [*NOW["required"], "byline"]}, "event.byline must be given now"),
        (NOW | {"required": NOW["required"][1:]}, "need not be given any more"),
    ],
)
def test_what_breaks_old_readers_or_events_is_told(schema: dict[str, Any], said: str) -> None:
    assert any(said in problem for problem in incompatible(NOW, schema))


def test_what_stands_within_is_compared_too() -> None:
    now = schemas.schemas()["enriched.v1.json"]
    new = copy.deepcopy(now)
    new["$defs"]["QuoteType"]["enum"].append("thought")
    assert any("quotes[items].type: enum was" in problem for problem in incompatible(now, new))
    new = copy.deepcopy(now)
    new["$defs"]["Speaker"]["properties"]["name"]["type"] = "integer"
    assert any("speaker[anyOf].name: type was" in problem for problem in incompatible(now, new))


def test_a_breaking_change_needs_a_new_version_and_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(schemas.write(tmp_path)) == 3
    assert schemas.write(tmp_path) == []
    (tmp_path / "article.v1.json").write_text(json.dumps(changed(mood={"type": "string"})))
    with pytest.raises(InputError, match=r"event\.mood is gone.* raise SCHEMA_VERSION"):
        schemas.write(tmp_path)
    monkeypatch.setattr(schemas, "SCHEMA_VERSION", 2)
    assert [path.name for path in schemas.write(tmp_path)] == [
        "article.v2.json", "enriched.v2.json", "deadletter.v2.json",
    ]  # fmt: skip


def test_events_of_the_first_release_can_be_read_for_ever() -> None:
    """These files are never changed: they are what was on the topics."""
    article = Article.model_validate_json((EVENTS / "article.v1.json").read_text(encoding="utf-8"))
    enriched = Enriched.model_validate_json((EVENTS / "enriched.v1.json").read_text(encoding="utf-8"))
    assert enriched.article.id == article.id
    assert enriched.quotes[0].text == article.body[slice(*enriched.quotes[0].segments[0])]
    assert enriched.fingerprint is None
