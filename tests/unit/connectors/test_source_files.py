from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import registry
from connectors.base import SourceConfig
from connectors.options import number
from connectors.scheduling.elasticsearch_store import MAPPING
from connectors.scheduling.intervals import PollingStats
from connectors.scheduling.source_state import SourceState, from_document, to_document
from connectors.source_files import STARTER, from_opml, load, make, options, slug, to_opml, unique
from pipeline.errors import InputError
from tests.unit.connectors.helpers import NOW


def written(tmp_path: Path, text: str, name: str = "sources.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_yaml_file_can_be_the_whole_configuration(tmp_path: Path) -> None:
    path = written(tmp_path, """
sources:
  - https://www.news.test/rss/world.xml
  - {id: gazette, kind: file, location: /var/spool/gazette, name: The Gazette, options: {pattern: "*.xml"}}
""")  # fmt: skip
    assert load(path) == [
        SourceConfig("news.test-rss-world.xml", "feed", "https://www.news.test/rss/world.xml"),
        SourceConfig("gazette", "file", "/var/spool/gazette", "The Gazette", {"pattern": "*.xml"}),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("sources: [", "is not YAML"),
        ("sources: [{location: x, options: {since: 2025-13-45}}]", "is not YAML: month must be in"),
        ("sources: [{location: x, options: {every: " + "1" * 5000 + "}}]", "is not YAML"),
        ("[" * 5000, "is not YAML"),
        ("a: 1", "no list of sources"),
        ("sources: [{name: x}]", "source 1 has no location"),
        ("sources: [{location: x, kind: fed}]", "of kind 'fed'"),
        ("sources: [{location: x, url: y}]", "'url', which is no field"),
        ("sources: [{location: x, options: [1]}]", "options are not a mapping"),
        ("sources: [{id: a, location: x}, {id: a, location: y}]", "Two sources have the id 'a'"),
    ],
)
def test_a_source_that_cannot_be_used_is_named(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        load(written(tmp_path, text))


def test_options_that_yaml_cannot_read_are_refused_by_their_kind() -> None:
    given = options(["since=2025-13-45", "every=" + "1" * 5000, "pages=never", "limit=7"])
    assert given == {"since": "2025-13-45", "every": "1" * 5000, "pages": "never", "limit": 7}
    config = SourceConfig("s", "file", "x", options={"every": 1e12})
    with pytest.raises(InputError, match=r"every is 1000000000000\.0; it must be a number from 0 to 1e\+09"):
        number(config, "every", 1.0)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    for read in (load, from_opml):
        with pytest.raises(InputError, match="cannot be read"):
            read(tmp_path / "none")


def test_opml_is_read_with_its_folders_and_written_again(tmp_path: Path) -> None:
    path = written(tmp_path, """<?xml version="1.0"?><opml version="1.0"><body>
<outline text="Papers"><outline type="rss" text="A &amp; B" xmlUrl="https://a.test/rss" htmlUrl="https://a.test"/></outline>
<outline title="C" XMLURL="https://c.test/feed"/><outline text="no feed"/></body></opml>""", "a.opml")  # fmt: skip
    found = from_opml(path)
    assert [(one.location, one.name) for one in found] == [
        ("https://a.test/rss", "A & B"),
        ("https://c.test/feed", "C"),
    ]
    again = written(tmp_path, to_opml([*found, SourceConfig("x", "file", "/x")]), "b.opml")
    assert from_opml(again) == found


@pytest.mark.parametrize("text", ["", "<opml>", "<opml/>", "<!DOCTYPE a [<!ENTITY b 'c'>]><opml>&b;</opml>", "\x00"])
def test_what_is_no_opml_is_said(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"OPML|no feeds"):
        from_opml(written(tmp_path, text, "a.opml"))


def test_the_starter_list_has_forty_different_feeds_with_names() -> None:
    starter = load(STARTER)
    assert len(starter) == len({one.location for one in starter}) == 40
    assert all(one.name and one.kind == "feed" and one.location.startswith("https://") for one in starter)


@pytest.mark.parametrize(
    ("location", "identifier"),
    [
        ("https://www.News.test/rss/world.xml", "news.test-rss-world.xml"),
        ("https://the-news.test/rss", "the-news.test-rss"),
        ("https://www.news.test/rss/World.xml?a=1", "news.test-rss-world.xml-a-1-15907b"),
        ("/var/spool/x", "var-spool-x"),
        ("topic.name", "topic.name"),
        ("///", "source-29497b"),
    ],
)
def test_ids_can_be_typed(location: str, identifier: str) -> None:
    assert slug(location) == identifier
    assert make(location).id == identifier


@given(st.lists(st.text("ab/-?=._A", max_size=12).map(lambda path: f"https://a.test/{path}"), max_size=8))
def test_different_addresses_have_different_ids(locations: list[str]) -> None:
    configs = unique([make(location) for location in locations])
    assert {config.location for config in configs} == {make(location).location for location in locations}
    assert len({config.id for config in configs}) == len(configs)


ALIKE = [
    "https://a.test/rss?cat=world", "https://a.test/rss/cat/world", "https://a.test/rss-cat-world",
    "https://a.test/rss-cat/world", "https://a.test/rss/cat=world", "https://a.test/rss/Cat/world",
]  # fmt: skip


def test_addresses_that_are_written_alike_have_ids_of_their_own() -> None:
    assert len({slug(location) for location in ALIKE}) == len(ALIKE)
    assert slug(ALIKE[1]) == "a.test-rss-cat-world"  # the plainest keeps the plain one


def test_where_only_http_or_www_differs_the_ids_differ() -> None:
    first, second, third = unique([make(f"{start}a.test/feed") for start in ("https://", "http://", "https://www.")])
    assert first.id == "a.test-feed"
    assert len({first.id, second.id, third.id}) == 3
    assert unique([second], {first.id: first})[0].id == second.id


def test_what_is_known_under_another_id_stays_as_it_is() -> None:
    known = make("https://a.test/feed", identifier="paper", name="The Paper", options={"pages": "never"})
    assert unique([make("https://a.test/feed", name="Another")], {"paper": known}) == [known]
    (changed,) = unique([make("https://a.test/feed", options={"pages": "auto"})], {"paper": known})
    assert (changed.id, changed.options) == ("paper", {"pages": "auto"})
    (given,) = unique([make("https://a.test/feed", identifier="mine")], {"paper": known})
    assert given.id == "mine"


def test_an_address_has_no_control_characters() -> None:
    config = make(" https://a.test/\x1b[2Jfeed\n", name="\x1b]0;a\x07The\x9b Paper")
    assert (config.location, config.name) == ("https://a.test/[2Jfeed", "]0;aThe Paper")


@pytest.mark.parametrize(
    "login", ["ana:hunter2@", "hunter2@", "ana:hunt@er2@", "ana:hunt/er2@", "ana:hunt#er2@", "a:%40r2@"]
)
def test_slug_has_no_login(login: str) -> None:
    found = slug(f"https://{login}www.example.org:8443/rss")
    assert found.removeprefix("www.").startswith("example.org-8443-rss-")
    assert not {"ana", "hunt", "er2", "hunter2"} & set(found.replace(".", "-").split("-"))


def test_slug_of_a_path_with_a_mark() -> None:
    assert slug("https://example.org:8443/@ana/rss").startswith("example.org-8443-ana-rss-")
    assert slug("/var/spool/a@b").startswith("var-spool-a-b-")


def test_the_same_source_twice_is_one() -> None:
    assert len(unique([make("https://a.test/x"), make("https://a.test/x")])) == 1


def test_every_field_of_a_state_is_in_the_strict_mapping() -> None:
    state = SourceState(
        make("https://a.test/x", name="A", options={"pages": "never"}),
        cursor={"seen": {"a": "b"}, "at": [1, None]},
        stats=PollingStats(3.5, 2, NOW),
        paused=True,
        added=NOW,
        due=NOW,
        last_success=NOW,
        last_error="It failed.",
        articles=7,
        hub="https://hub.test/",
        topic="https://a.test/rss",
        subscribed_until=NOW,
        owner="me",
        leased_until=NOW,
        version=(4, 2),
    )
    document = to_document(state)
    assert from_document(document, (4, 2)) == state
    assert set(document) == set(MAPPING["properties"])
    fresh = SourceState(make("https://a.test/x"))
    assert from_document(to_document(fresh), (0, 0)) == fresh
    assert replace(fresh).ready(NOW)


def test_every_declared_kind_loads_and_an_unknown_one_is_told() -> None:
    assert {"feed", "file", "page", "sitemap", "warc", "kafka"} <= set(registry.kinds())
    assert all(callable(registry.factory(kind)) for kind in registry.kinds())
    with pytest.raises(InputError, match="did you mean 'feed'"):
        registry.factory("fed")
