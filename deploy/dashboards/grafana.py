"""Makes the dashboard for Grafana."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from grafana_foundation_sdk.builders import bargauge, common, dashboard, elasticsearch, stat, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    GridPos,
    VariableOption,
    VariableRefresh,
)
from grafana_foundation_sdk.models.elasticsearch import TermsOrder

from deploy.dashboards.panels import (
    ARTICLES,
    CONTROLS,
    COPIES,
    FIGURES,
    NEWEST,
    QUOTES,
    RANKINGS,
    SINCE,
    SITE,
    TIME,
    TIMES,
    Figure,
    OverTime,
    Ranking,
)

_WIDTH = 24
_OF_ARTICLES = frozenset({"source.name", "language"})
"""The fields of the variables that articles have, too."""

_NAMES = {"speaker.name": "Who", "said": "Said", "addressee": "To", "medium": "Where", "source.name": "Source",
          "headline": "Article", "published": "Published"}  # fmt: skip


def made() -> str:
    """The dashboard as JSON."""
    board = (
        dashboard.Dashboard("WhoSaid: quotes")
        .uid("whosaid")
        .description("Who said what: over time, by whom, where, about whom; the newest quotes.")
        .tags(["whosaid"])
        .readonly()
        .timezone("utc")
        .refresh("1m")
        .time(SINCE, "now")
        .link(_link("WhoSaid", "${whosaid}/").type(DashboardLinkType.LINK).icon("external link").target_blank(True))
    )
    for label, field in CONTROLS:
        board = board.with_variable(_variable(label, field))
    board = board.with_variable(dashboard.TextBoxVariable("whosaid").label("WhoSaid at").default_value(SITE))
    for number, panel in enumerate(_panels(), 1):
        board = board.with_panel(panel.id(number))
    written: str = json.dumps(board.build(), cls=JSONEncoder, indent=1, sort_keys=True)
    return written + "\n"


def name_of(field: str) -> str:
    """What a field's variable is called."""
    return field.partition(".")[0]


def _panels() -> Iterator[Any]:
    column = _WIDTH // len(FIGURES)
    for at, figure in enumerate(FIGURES):
        yield _figure(figure).grid_pos(GridPos(h=4, w=column, x=at * column, y=0))
    top = 4
    for over in TIMES:
        yield _over_time(over).grid_pos(GridPos(h=8, w=_WIDTH, x=0, y=top))
        top += 8
    third = _WIDTH // 3
    for at, ranking in enumerate(RANKINGS):
        yield _ranking(ranking).grid_pos(GridPos(h=10, w=third, x=at % 3 * third, y=top + at // 3 * 10))
    rows = -(-len(RANKINGS) // 3)
    yield _newest().grid_pos(GridPos(h=14, w=_WIDTH, x=0, y=top + rows * 10))


def _variable(label: str, field: str) -> dashboard.QueryVariable:
    """A variable of the values of a field. "All" is also what has no value."""
    return (
        dashboard.QueryVariable(name_of(field))
        .label(label)
        .datasource(_source(QUOTES))
        .query(json.dumps({"find": "terms", "field": field, "size": 500}))
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(True)
        .include_all(True)
        .all_value(f"* OR (*:* AND NOT _exists_:{field})")
        .current(VariableOption(selected=True, text="All", value="$__all"))
    )


def _query(index: str) -> str:
    """The query of a panel: what the variables choose, without copies."""
    chosen = [field for _, field in CONTROLS if index == QUOTES or field in _OF_ARTICLES]
    return " AND ".join([f"NOT _exists_:{COPIES}", *(f"({field}:(${{{name_of(field)}:lucene}}))" for field in chosen)])


def _target(index: str, metric: Any, buckets: Sequence[Any]) -> Any:
    return (
        elasticsearch.Dataquery()
        .ref_id("A")
        .datasource(_source(index))
        .query(_query(index))
        .time_field(TIME)
        .metrics([metric])
        .bucket_aggs(list(buckets))
    )


def _days() -> Any:
    settings = elasticsearch.ElasticsearchDateHistogramSettings().interval("auto").min_doc_count("0")
    return elasticsearch.DateHistogram().id("2").field(TIME).settings(settings)


def _terms(field: str, size: int) -> Any:
    settings = (
        elasticsearch.ElasticsearchTermsSettings()
        .size(str(size))
        .order(TermsOrder.DESC)
        .order_by("_count")
        .min_doc_count("1")
    )
    return elasticsearch.Terms().id("3").field(field).settings(settings)


def _metric(figure: Figure) -> Any:
    match figure.measure:
        case "unique":
            return elasticsearch.UniqueCount().id("1").field(figure.field)
        case "average":
            return elasticsearch.Average().id("1").field(figure.field)
        case _:
            return elasticsearch.Count().id("1")


def _figure(figure: Figure) -> Any:
    """A number. It is counted over all documents, as different values of single days do not add up."""
    whole = elasticsearch.Filters().id("2").settings(
        elasticsearch.ElasticsearchFiltersSettings().filters([elasticsearch.Filter().query("*").label("all")])
    )  # fmt: skip
    panel = (
        stat.Panel()
        .title(figure.title)
        .description(figure.description)
        .datasource(_source(figure.index))
        .with_target(_target(figure.index, _metric(figure), [whole]))
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().values(False).calcs(["lastNotNull"]))
    )
    return panel.unit("percentunit").decimals(0) if figure.measure == "average" else panel


def _over_time(over: OverTime) -> Any:
    panel = (
        timeseries.Panel()
        .title(over.title)
        .description(over.description)
        .datasource(_source(over.index))
        .with_target(_target(over.index, elasticsearch.Count().id("1"), [_terms(over.field, over.size), _days()]))
    )
    if not over.stacked:
        return panel
    return (
        panel.draw_style(common_models.GraphDrawStyle.BARS)
        .fill_opacity(70)
        .line_width(0)
        .stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
    )


def _ranking(ranking: Ranking) -> Any:
    panel = (
        bargauge.Panel()
        .title(ranking.title)
        .description(ranking.description)
        .datasource(_source(ranking.index))
        .with_target(
            _target(ranking.index, elasticsearch.Count().id("1"), [_terms(ranking.field, ranking.size)])
        )
        .orientation(common_models.VizOrientation.HORIZONTAL)
        .display_mode(common_models.BarGaugeDisplayMode.BASIC)
        .show_unfilled(False)
        .reduce_options(common.ReduceDataOptions().values(True).calcs([]))
    )  # fmt: skip
    if not ranking.parameter:
        return panel
    value = f'${{__data.fields["{ranking.field}"]}}'
    return panel.data_links([_link("Its quotes", f"${{whosaid}}/search?{ranking.parameter}={value}")])


def _newest() -> Any:
    shown = ("published", *NEWEST)
    organised = DataTransformerConfig(
        id_val="organize",
        options={
            "excludeByName": {},
            "indexByName": {field: at for at, field in enumerate(shown)},
            "renameByName": {field: _NAMES[field] for field in shown},
        },
    )
    kept = DataTransformerConfig(
        id_val="filterFieldsByName", options={"include": {"names": [*(_NAMES[field] for field in shown), "id"]}}
    )
    to_page = [{"title": "Its page", "url": '${whosaid}/quotes/${__data.fields["id"]}'}]
    return (
        table.Panel()
        .title("Newest quotes")
        .description("The last quotes; what was said leads to its page.")
        .datasource(_source(QUOTES))
        .with_target(
            _target(
                QUOTES,
                elasticsearch.RawData().id("1").settings(elasticsearch.ElasticsearchRawDataSettings().size("50")),
                [],
            )
        )
        .transformations([organised, kept])
        .override_by_name("Said", [DynamicConfigValue(id_val="links", value=to_page)])
        .override_by_name("id", [DynamicConfigValue(id_val="custom.hidden", value=True)])
    )


def _link(title: str, url: str) -> dashboard.DashboardLink:
    return dashboard.DashboardLink(title).url(url)


def _source(index: str) -> DataSourceRef:
    assert index in (QUOTES, ARTICLES)
    return DataSourceRef(type_val="elasticsearch", uid=index)
