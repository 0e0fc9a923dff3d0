"""The pages are whole: links lead somewhere, commands exist, the changelog has the form that tools read."""

import re
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
import typer

from pipeline import __version__
from pipeline.cli.main import app

ROOT = Path(__file__).parents[3]
PAGES = sorted(
    path.relative_to(ROOT) for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("deploy/*.md"))
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
NOT_IN_THE_TABLE = {"clean", "version"}  # `make clean`, `--version`


@cache
def text_of(page: Path) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL)):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page.parent / path).resolve() if path else ROOT / page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.relative_to(ROOT)), link


def test_the_readme_has_every_command_and_no_other() -> None:
    commands = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    table = text_of(Path("README.md")).partition("## The command")[2].partition("Exit codes")[0].replace("\\|", "|")
    named = {name for names in re.findall(r"whosaid ([a-z|]+)", table) for name in names.split("|")}
    assert named == commands - NOT_IN_THE_TABLE
    assert set(re.findall(r"^(?:\| )?`?whosaid ([a-z]+)", text_of(Path("README.md")), re.MULTILINE)) <= commands


def test_what_the_readme_searches_for_can_be_found() -> None:
    samples = (ROOT / "pipeline/samples/articles.jsonl").read_text(encoding="utf-8").lower()
    written = re.findall(
        r"^echo '(.+)' > article.txt\nwhosaid ingest article.txt", text_of(Path("README.md")), re.MULTILINE
    )
    assert len(written) == 1
    samples += written[0].lower()
    searched = re.findall(r"whosaid search [\"'](\w+)", text_of(Path("README.md")))
    speakers = re.findall(r"--speaker (\w+)", text_of(Path("README.md")))
    assert len(searched) >= 4
    assert [word for word in {*searched, *speakers} - {"words"} if word not in samples] == []


def test_every_command_of_make_is_explained() -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    pages = text_of(Path("README.md")) + text_of(Path("CONTRIBUTING.md"))
    assert not [target for target in targets if target != "help" and f"make {target}" not in pages]


def test_the_changelog_keeps_its_form() -> None:
    versions = re.findall(r"^## (.+)$", text_of(Path("CHANGELOG.md")), re.MULTILINE)
    assert versions[0] == "[Unreleased]"
    released = [re.fullmatch(r"\[(\d+)\.(\d+)\.(\d+)\] - \d{4}-\d\d-\d\d", version) for version in versions[1:]]
    assert all(released)
    numbers = [tuple(int(part) for part in match.groups()) for match in released if match]
    assert all(newer > older for newer, older in pairwise(numbers))
    assert ".".join(str(part) for part in numbers[0]) == __version__
    assert set(re.findall(r"^### (.+)$", text_of(Path("CHANGELOG.md")), re.MULTILINE)) <= KINDS
