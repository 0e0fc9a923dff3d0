"""Makes the dashboard for Kibana: Lens panels, controls and the newest quotes, as saved objects in lines of JSON.

The versions are those that Kibana 8.19 writes itself; it refuses objects that are newer than it is.
"""

import json
from collections.abc import Iterator
from typing import Any

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

CORE_VERSION = "8.8.0"
VERSIONS = {"index-pattern": "8.0.0", "lens": "8.9.0", "search": "8.0.0", "dashboard": "10.2.0"}
"""By type, the version of saved objects."""

_ID = "whosaid"
_WIDTH = 48
_LAYER = "layer"
_OPERATIONS = {"count": "count", "unique": "unique_count", "average": "average"}
_LINKED = {"id": f"{SITE}/quotes/{{{{value}}}}", "article_id": f"{SITE}/articles/{{{{value}}}}",
           "speaker.id": f"{SITE}/speakers/{{{{value}}}}"}  # fmt: skip
"""The fields that Kibana shows as links to WhoSaid's pages."""

Object = dict[str, Any]


def made() -> str:
    """All saved objects, one a line."""
    lenses = [lens(panel) for panel in (*FIGURES, *TIMES, *RANKINGS)]
    objects = [_view(QUOTES, "WhoSaid quotes"), _view(ARTICLES, "WhoSaid articles"), *lenses, _newest()]
    objects.append(_dashboard(lenses))
    return "".join(json.dumps(one, sort_keys=True) + "\n" for one in objects)


def lens(panel: Figure | OverTime | Ranking) -> Object:
    """The Lens object of a panel."""
    match panel:
        case Figure():
            kind, columns, shown = "lnsMetric", _figure(panel), {"metricAccessor": "value"}
        case OverTime():
            series = "bar_stacked" if panel.stacked else "line"
            columns = {"series": _values(panel.field, panel.size), "time": _days(), "value": _count()}
            kind, shown = "lnsXY", _axes(series) | {"layers": [_xy_layer(series, "time", "series")]}
        case Ranking():
            columns = {"name": _values(panel.field, panel.size), "value": _count()}
            kind = "lnsXY"
            shown = _axes("bar_horizontal") | {"layers": [_xy_layer("bar_horizontal", "name", None)]}
    if kind == "lnsMetric":
        shown |= {"layerId": _LAYER, "layerType": "data"}
    layer = {"columns": columns, "columnOrder": list(columns), "incompleteColumns": {}, "sampling": 1}
    attributes = {
        "title": panel.title,
        "description": panel.description,
        "visualizationType": kind,
        "state": {
            "visualization": shown,
            "query": {"query": "", "language": "kuery"},
            "filters": [],
            "datasourceStates": {"formBased": {"layers": {_LAYER: layer}}, "textBased": {"layers": {}}},
            "internalReferences": [],
            "adHocDataViews": {},
        },
    }
    slug = panel.title.lower().replace(" ", "-")
    return _object(
        "lens", f"{_ID}-{slug}", attributes, [_reference(f"indexpattern-datasource-layer-{_LAYER}", panel.index)]
    )


def _figure(figure: Figure) -> Object:
    column = _count()
    if figure.measure != "count":
        column |= {"operationType": _OPERATIONS[figure.measure], "sourceField": figure.field}
    if figure.measure == "average":
        column["params"] = {"format": {"id": "percent", "params": {"decimals": 0}}, "emptyAsNull": True}
    return {"value": column | {"label": figure.title, "customLabel": True}}


def _count() -> Object:
    return {
        "label": "Count", "dataType": "number", "operationType": "count", "isBucketed": False, "scale": "ratio",
        "sourceField": "___records___", "params": {"emptyAsNull": True},
    }  # fmt: skip


def _values(field: str, size: int) -> Object:
    return {
        "label": field, "dataType": "string", "operationType": "terms", "scale": "ordinal", "sourceField": field,
        "isBucketed": True,
        "params": {
            "size": size, "orderBy": {"type": "column", "columnId": "value"}, "orderDirection": "desc",
            "otherBucket": False, "missingBucket": False, "parentFormat": {"id": "terms"},
        },
    }  # fmt: skip


def _days() -> Object:
    return {
        "label": TIME, "dataType": "date", "operationType": "date_histogram", "sourceField": TIME, "isBucketed": True,
        "scale": "interval", "params": {"interval": "auto", "includeEmptyRows": True, "dropPartials": False},
    }  # fmt: skip


def _axes(series: str) -> Object:
    several = series != "bar_horizontal"
    return {
        "legend": {"isVisible": several, "position": "bottom"}, "valueLabels": "hide" if several else "show",
        "preferredSeriesType": series, "fittingFunction": "None",
        "axisTitlesVisibilitySettings": {"x": False, "yLeft": False, "yRight": False},
    }  # fmt: skip


def _xy_layer(series: str, x: str, split: str | None) -> Object:
    layer: Object = {"layerId": _LAYER, "layerType": "data", "seriesType": series, "accessors": ["value"]}
    return layer | {"xAccessor": x} | ({"splitAccessor": split} if split else {})


def _view(index: str, name: str) -> Object:
    links = {
        field: {"id": "url", "params": {"urlTemplate": url, "labelTemplate": "{{value}}"}}
        for field, url in _LINKED.items()
    }
    attributes = {
        "title": index, "name": name, "timeFieldName": TIME, "sourceFilters": "[]", "fieldAttrs": "{}",
        "fields": "[]", "fieldFormatMap": json.dumps(links if index == QUOTES else {"id": links["article_id"]}),
        "runtimeFieldMap": "{}", "typeMeta": "{}",
    }  # fmt: skip
    return _object("index-pattern", index, attributes, [])


def _newest() -> Object:
    source = {
        "query": {"query": "", "language": "kuery"}, "filter": [], "highlightAll": True, "version": True,
        "indexRefName": "kibanaSavedObjectMeta.searchSourceJSON.index",
    }  # fmt: skip
    attributes = {
        "title": "Newest quotes", "description": "The last quotes; the id leads to the quote's page.",
        "columns": [*NEWEST, "id"], "sort": [[TIME, "desc"]], "grid": {}, "hideChart": True,
        "isTextBasedQuery": False, "timeRestore": False,
        "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps(source)},
    }  # fmt: skip
    return _object(
        "search", f"{_ID}-newest", attributes, [_reference("kibanaSavedObjectMeta.searchSourceJSON.index", QUOTES)]
    )


def _dashboard(lenses: list[Object]) -> Object:
    panels: list[Object] = []
    references: list[Object] = []
    placed = [*zip(lenses, _places(), strict=False)]
    bottom = max(place["y"] + place["h"] for _, place in placed)
    newest = ({"type": "search", "id": f"{_ID}-newest"}, {"x": 0, "y": bottom, "w": _WIDTH, "h": 20})
    for number, (shown, place) in enumerate([*placed, newest], 1):
        at = str(number)
        panels.append(
            {
                "type": shown["type"], "panelIndex": at, "gridData": place | {"i": at},
                "embeddableConfig": {"enhancements": {}}, "panelRefName": f"panel_{at}",
            }
        )  # fmt: skip
        references.append({"name": f"{at}:panel_{at}", "type": shown["type"], "id": shown["id"]})
    controls = _controls()
    references += [_reference(f"controlGroup_{id}:optionsListDataView", QUOTES) for id in controls if id != "dates"]
    query = {"query": {"query": f"NOT {COPIES}: *", "language": "kuery"}, "filter": []}
    attributes = {
        "title": "WhoSaid: quotes",
        "description": "Who said what: over time, by whom, where, about whom; the newest quotes.",
        "controlGroupInput": {
            "chainingSystem": "HIERARCHICAL",
            "controlStyle": "oneLine",
            "showApplySelections": False,
            "ignoreParentSettingsJSON": json.dumps(
                {"ignoreFilters": False, "ignoreQuery": False, "ignoreTimerange": False, "ignoreValidations": False}
            ),
            "panelsJSON": json.dumps(controls),
        },
        "panelsJSON": json.dumps(panels),
        "optionsJSON": json.dumps({"useMargins": True, "syncColors": True, "hidePanelTitles": False}),
        "timeRestore": True,
        "timeFrom": SINCE,
        "timeTo": "now",
        "refreshInterval": {"pause": False, "value": 60_000},
        "version": 3,
        "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps(query)},
    }
    return _object("dashboard", _ID, attributes, references)


def _places() -> Iterator[Object]:
    column = _WIDTH // len(FIGURES)
    for at in range(len(FIGURES)):
        yield {"x": at * column, "y": 0, "w": column, "h": 6}
    for at in range(len(TIMES)):
        yield {"x": 0, "y": 6 + at * 11, "w": _WIDTH, "h": 11}
    third, top = _WIDTH // 3, 6 + len(TIMES) * 11
    for at in range(len(RANKINGS)):
        yield {"x": at % 3 * third, "y": top + at // 3 * 14, "w": third, "h": 14}


def _controls() -> dict[str, Object]:
    """What a reader narrows the dashboard down by: lists of values, and a slider of dates."""
    controls: dict[str, Object] = {}
    for order, (title, field) in enumerate(CONTROLS):
        id = title.lower()
        controls[id] = {
            "order": order, "width": "medium", "grow": True, "type": "optionsListControl",
            "explicitInput": {
                "id": id, "title": title, "fieldName": field, "selectedOptions": [], "singleSelect": False,
                "searchTechnique": "wildcard", "sort": {"by": "_count", "direction": "desc"}, "enhancements": {},
            },
        }  # fmt: skip
    controls["dates"] = {
        "order": len(controls), "width": "large", "grow": True, "type": "timeSlider",
        "explicitInput": {"id": "dates", "title": "Dates", "enhancements": {}},
    }  # fmt: skip
    return controls


def _object(kind: str, id: str, attributes: Object, references: list[Object]) -> Object:
    return {
        "type": kind, "id": id, "attributes": attributes, "references": references,
        "coreMigrationVersion": CORE_VERSION, "typeMigrationVersion": VERSIONS[kind], "managed": False,
    }  # fmt: skip


def _reference(name: str, index: str) -> Object:
    return {"name": name, "type": "index-pattern", "id": index}
