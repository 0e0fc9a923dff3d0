"""docs/connectors.md says what the code does: each kind, option and setting, and examples that run."""

import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors import registry
from connectors.base import SourceConfig
from connectors.source_files import load
from pipeline.cli.source import app
from pipeline.errors import SourceError
from pipeline.settings import ConnectorSettings
from tests.fixtures.simulator.server import Answer, Request
from tests.unit.connectors.helpers import articles, collect, playing

pytestmark = pytest.mark.anyio

TEXT = (Path(__file__).parents[3] / "docs" / "connectors.md").read_text()
KINDS = ("feed", "file", "kafka", "page", "sitemap", "warc")


def section(title: str) -> str:
    _, found, rest = TEXT.partition(f"\n{title}\n")
    assert found, f"no section {title!r}"
    level = title.split()[0]
    return re.split(rf"\n#{{2,{len(level)}}} ", rest)[0]


def test_these_are_all_kinds() -> None:
    assert set(KINDS) <= set(registry.kinds())


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_there_with_all_its_options_and_no_others(kind: str) -> None:
    known = importlib.import_module(registry.factory(kind).__module__).OPTIONS
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", section(f"### {kind}"), re.MULTILINE)
    assert dict(rows) == known
    assert len(rows) == len(known)
    assert all("default: " in meaning for meaning in known.values())


def test_each_setting_is_there_with_its_default() -> None:
    for name, field in ConnectorSettings.model_fields.items():
        default = field.get_default()
        shown = "–" if default in (None, "") else str(default)
        assert f"| `WHOSAID_CONNECTORS__{name.upper()}` | {shown} | {field.description} |" in section("## Settings")


def test_each_command_is_there() -> None:
    for command in app.registered_commands:
        name = command.name or command.callback.__name__  # type: ignore[union-attr]
        assert f"whosaid source {name}" in TEXT or f"and {name}" in TEXT, name


def test_the_example_of_sources_can_be_read(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    path = tmp_path / "sources.yaml"
    path.write_text(example)
    assert [(one.id, one.kind) for one in load(path)] == [("news.example-feed.xml", "feed"), ("wire", "file")]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The example as a package that somebody has installed, entry point and all."""
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    (declaration,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    group, line = re.fullmatch(r'\[project\.entry-points\."(.+)"\]\n(.+)\n', declaration).groups()  # type: ignore[union-attr]
    assert len(code.splitlines()) <= 35
    (tmp_path / "bulletin.py").write_text(code)
    metadata = tmp_path / "bulletin-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: bulletin\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(f"[{group}]\n{line.replace(chr(34), '')}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry._declared.cache_clear()
    yield
    registry._declared.cache_clear()
    sys.modules.pop("bulletin", None)


async def test_the_example_of_a_connector_of_ones_own_works(installed: None) -> None:
    def site(request: Request) -> Answer:
        path, _, after = request.path.partition("?after=")
        if path != "/bulletins":
            return Answer(404)
        if after == "7":
            return Answer(body="Not today.")
        made = [
            {"number": n, "title": f"T{n}", "text": f"He said {n}.", "link": f"/{n}", "at": "2025-03-12T10:00:00Z"}
            for n in (1, 2, 3)
            if n > int(after)
        ]
        for one in made:
            one["link"] = f"http://{request.host}{one['link']}"
        return Answer(body=json.dumps({"bulletins": made}))

    async def work() -> None:
        async with playing(site) as (server, context):
            config = SourceConfig("b", "bulletin", server.url("/bulletins"))
            first = await collect(config, context)
            assert [article.body for article in articles(first)] == ["He said 1.", "He said 2.", "He said 3."]
            assert articles(await collect(config, context, first[1].cursor))[0].headline == "T3"
            assert await collect(config, context, first[-1].cursor) == []
            with pytest.raises(SourceError, match="does not answer with bulletins"):
                await collect(config, context, {"number": 7})

    assert "bulletin" in registry.kinds()
    await work()
