"""The site of the documents: links between files become links between pages, and the reference has all there is.

`make docs` and `make deploy-check` build it, strictly.
"""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import typer
import yaml

from pipeline.cli.main import app
from pipeline.search.api import create_app
from pipeline.settings import Settings, variables

ROOT = Path(__file__).parents[3]
KNOWN = {"index.md", "deploy.md", "security.md", "operations.md", "reference/events.md", "schemas/article.v1.json"}


@pytest.fixture(scope="module")
def hooks() -> Iterator[ModuleType]:
    """The module as MkDocs loads it, by its path."""
    path, modules = list(sys.path), set(sys.modules)
    spec = importlib.util.spec_from_file_location("site_hooks", ROOT / "docs/site/hooks.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = path
    for name in {"reference"} - modules:
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("page", "target", "link"),
    [
        ("index.md", "docs/operations.md#old-months", "operations.md#old-months"),
        ("index.md", "deploy/README.md", "deploy.md"),
        ("index.md", "deploy/", "deploy.md"),
        ("index.md", "docs/schemas/", "reference/events.md"),
        ("deploy.md", "../SECURITY.md", "security.md"),
        ("operations.md", "../deploy/README.md", "deploy.md"),
        ("operations.md", "#old-months", "#old-months"),
        ("reference/events.md", "../schemas/article.v1.json", "../schemas/article.v1.json"),
        ("operations.md", "nowhere.md", "nowhere.md"),
        ("operations.md", "../deploy/elasticsearch/roles.yml", None),
        ("deploy.md", "helm/whosaid/values.yaml", None),
    ],
)
def test_a_link_of_the_repository_leads_to_a_page(hooks: ModuleType, page: str, target: str, link: str | None) -> None:
    assert hooks.Links(page, "", KNOWN).to(target) == link


def test_a_file_that_is_no_page_is_named_or_in_the_repository(hooks: ModuleType) -> None:
    text = "See [the *[roles]*](../deploy/elasticsearch/roles.yml).\n  - [up] `test`\n\n"
    text += "[up]: ../tests/integration/test_up.py\n"
    assert hooks.Links("operations.md", "", KNOWN).in_text(text) == "See the *[roles]*.\n    - up: `test`\n\n"
    linked = hooks.Links("operations.md", "https://git.example/whosaid/", KNOWN).in_text(text)
    assert "](https://git.example/whosaid/blob/main/deploy/elasticsearch/roles.yml)" in linked
    assert "[up]: https://git.example/whosaid/blob/main/tests/integration/test_up.py" in linked


def test_every_page_is_in_the_navigation() -> None:
    class Loader(yaml.SafeLoader):
        """Takes !ENV for nothing."""

    Loader.add_constructor("!ENV", lambda *_: "")
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    shown = yaml.load(text, Loader)
    assert (shown["strict"], shown["theme"]["font"]) == (True, False)
    assert {path.name for path in ROOT.glob("docs/*.md")} <= set(_pages(shown["nav"]))
    assert [title for one in shown["nav"] for title in one] == [
        "Home",
        "Tutorial",
        "How to",
        "Reference",
        "Explanation",
    ]


def test_the_reference_has_all_there_is(hooks: ModuleType) -> None:
    pages = {page.removeprefix("reference/"): write() for page, write in hooks.reference.PAGES.items()}
    assert not [name for name, _ in variables() if f"| `{name}` |" not in pages["settings.md"]]
    names = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert not [name for name in names if f"## whosaid {name}" not in pages["commands.md"]]
    addresses = create_app(Settings()).openapi()["paths"]
    assert not [path for path in addresses if f" {path}\n" not in pages["addresses.md"]]
    assert "| `whosaid_lag_events` | gauge | `stage` |" in pages["metrics.md"]
    assert pages["events.md"].count("| `schema_version` |") >= 2
    documented = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    rows = [line.split("`")[1] for line in pages["metrics.md"].splitlines() if line.startswith("| `")]
    assert not [name for name in rows if f"`{name}`" not in documented]


def _pages(nav: object) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        for one in nav.values():
            yield from _pages(one)
    elif isinstance(nav, list):
        for one in nav:
            yield from _pages(one)
