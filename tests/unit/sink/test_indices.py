"""Which month an article belongs to, and what its index is made of on rich and on small clusters."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from pipeline import elasticsearch_client
from pipeline.settings import ElasticsearchSettings, Settings
from pipeline.sink import indices
from tests.unit.sink.factory import enriched

NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
RICH = frozenset({"analysis-common", "reindex"})


def month(**dates: Any) -> str:
    return indices.month(enriched(**dates).article, now=NOW, months=120)


def test_the_month_is_that_of_publication() -> None:
    assert month(published=datetime(2025, 1, 31, 23, 59, tzinfo=UTC), modified=NOW) == "2025.01"


def test_the_month_is_counted_in_utc() -> None:
    new_year_in_tokyo = datetime(2026, 1, 1, 3, tzinfo=timezone(timedelta(hours=9)))
    assert month(published=new_year_in_tokyo) == "2025.12"


def test_a_leap_day_has_a_month() -> None:
    assert month(published=datetime(2024, 2, 29, tzinfo=UTC)) == "2024.02"


def test_without_a_publication_the_other_dates_count() -> None:
    assert month(published=None, modified=datetime(2026, 2, 1, tzinfo=UTC)) == "2026.02"
    assert month(published=None, fetched=datetime(2026, 1, 1, tzinfo=UTC)) == "2026.01"


def test_a_publication_in_the_future_is_not_believed() -> None:
    assert month(published=datetime(9999, 12, 31, tzinfo=UTC)) == "2026.03"
    assert month(published=NOW + timedelta(days=40)) == "2026.03"


def test_a_clock_may_be_a_few_hours_ahead() -> None:
    assert indices.month(
        enriched(published=datetime(2026, 4, 1, 5, tzinfo=UTC)).article,
        now=datetime(2026, 3, 31, 23, tzinfo=UTC), months=120,
    ) == "2026.04"  # fmt: skip


@pytest.mark.parametrize("year", [1, 1066, 1970, 2015])
def test_what_is_older_than_the_window_shares_one_index(year: int) -> None:
    assert month(published=datetime(year, 3, 1, tzinfo=UTC)) == "other"


def test_the_oldest_month_of_the_window_has_its_own_index() -> None:
    assert month(published=datetime(2016, 4, 1, tzinfo=UTC)) == "2016.04"
    assert month(published=datetime(2016, 3, 31, tzinfo=UTC)) == "other"


def test_no_believable_date_at_all() -> None:
    never = datetime(9999, 1, 1, tzinfo=UTC)
    assert month(published=never, fetched=never) == "other"


def test_random_dates_make_no_more_indices_than_the_window() -> None:
    days = range(0, 3_600_000, 3571)  # ten thousand years
    start = datetime(1, 1, 1, tzinfo=UTC)
    assert len({month(published=start + timedelta(days=day)) for day in days}) <= 122


def test_names_carry_prefix_kind_version_and_month() -> None:
    settings = Settings(elasticsearch=ElasticsearchSettings(prefix="my-news"))
    assert indices.name(settings, "articles", "2026.03") == "my-news-articles-v1-2026.03"
    assert indices.pattern(settings, "quotes") == "my-news-quotes-v1-*"
    assert indices.month_of("my-news-quotes-v1-2026.03") == "2026.03"


def test_a_rich_cluster_stems_english_and_folds_accents() -> None:
    analysis = indices.body(Settings(), "quotes", RICH)["settings"]["analysis"]
    assert analysis["analyzer"]["news"]["filter"] == [
        "lowercase", "asciifolding", "english_possessive", "english_stemmer",
    ]  # fmt: skip
    assert analysis["analyzer"]["names"]["filter"] == ["lowercase", "asciifolding"]
    assert set(analysis["filter"]) == {"english_possessive", "english_stemmer"}


def test_a_small_cluster_is_asked_for_nothing_that_it_lacks() -> None:
    analysis = indices.body(Settings(), "quotes", frozenset())["settings"]["analysis"]
    assert "filter" not in analysis
    assert {tuple(one["filter"]) for one in analysis["analyzer"].values()} == {("lowercase",)}


@pytest.mark.parametrize("modules", [RICH, frozenset()])
@pytest.mark.parametrize("kind", ["articles", "quotes"])
def test_mappings_name_only_analysers_that_are_defined(kind: str, modules: frozenset[str]) -> None:
    body = indices.body(Settings(), kind, modules)
    named: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            named.update(value for key, value in node.items() if key == "analyzer" and isinstance(value, str))
            for value in node.values():
                walk(value)

    walk(body["mappings"])
    assert "news" in named
    assert named - {"whitespace"} <= set(body["settings"]["analysis"]["analyzer"])


@pytest.mark.parametrize("kind", ["articles", "quotes"])
def test_searched_fields_are_the_same_on_every_cluster(kind: str) -> None:
    rich, small = (indices.body(Settings(), kind, modules)["mappings"] for modules in (RICH, frozenset()))
    assert rich == small
    # Elasticsearch's core has the analyser `whitespace`: what is compared depends on pipeline.terms alone.
    assert {field["analyzer"] for field in small["properties"]["terms"]["properties"].values()} == {"whitespace"}


def test_an_index_is_made_as_the_settings_say() -> None:
    settings = Settings(elasticsearch=ElasticsearchSettings(prefix="x", shards=3, replicas=2))
    body = indices.body(settings, "articles", RICH)
    assert body["settings"]["number_of_shards"] == 3
    assert body["settings"]["number_of_replicas"] == 2
    assert body["aliases"] == {"x-articles": {}}
    assert indices.body(settings, "quotes", RICH)["aliases"] == {"x-quotes": {}}


class _Indices:
    """Takes what an index is made with."""

    def __init__(self) -> None:
        self.made: dict[str, dict[str, Any]] = {}

    @property
    def indices(self) -> "_Indices":
        return self

    def create(self, index: str, **body: Any) -> None:
        self.made[index] = body["settings"]


def made_for(months: set[str], *modules: str, lifecycle: str = "by-month") -> dict[str, dict[str, Any]]:
    client: Any = _Indices()
    settings = Settings(elasticsearch=ElasticsearchSettings(lifecycle=lifecycle))
    indices.Indices(client, settings, frozenset(modules)).ensure(months)
    return {name.removeprefix("whosaid-quotes-v1-"): found for name, found in client.made.items() if "quotes" in name}


def test_a_month_ages_from_its_end_where_there_are_lifecycles() -> None:
    made = made_for({"2020.12", "2021.02", indices.OTHER}, "analysis-common", elasticsearch_client.LIFECYCLE)
    assert {one["lifecycle.name"] for one in made.values()} == {"by-month"}
    ends = {name: one.get("lifecycle.origination_date") for name, one in made.items()}
    assert ends == {
        "2020.12": datetime(2021, 1, 1, tzinfo=UTC).timestamp() * 1000,
        "2021.02": datetime(2021, 3, 1, tzinfo=UTC).timestamp() * 1000,
        indices.OTHER: None,
    }


@pytest.mark.parametrize(("modules", "lifecycle"), [((), "by-month"), ((elasticsearch_client.LIFECYCLE,), "")])
def test_without_a_lifecycle_none_is_named(modules: tuple[str, ...], lifecycle: str) -> None:
    made = made_for({"2020.12"}, *modules, lifecycle=lifecycle)
    assert not [key for one in made.values() for key in one if key.startswith("lifecycle")]
