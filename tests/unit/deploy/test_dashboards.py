"""The dashboards of quotes: written as they are made, full, linked with WhoSaid's pages, with nothing upon another."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from deploy.dashboards import kibana
from deploy.dashboards.__main__ import MADE
from deploy.dashboards.panels import CONTROLS

DEPLOY = Path(__file__).parents[3] / "deploy"
GRAFANA = json.loads((DEPLOY / "grafana/dashboards/quotes.json").read_text(encoding="utf-8"))
SAVED = [json.loads(line) for line in (DEPLOY / "kibana/whosaid.ndjson").read_text(encoding="utf-8").splitlines()]
KIBANA = {(one["type"], one["id"]): one for one in SAVED}
BOARD = KIBANA["dashboard", "whosaid"]["attributes"]
PANELS: list[dict[str, Any]] = json.loads(BOARD["panelsJSON"])


def _record(required: dict[str, Any], more: dict[str, Any] | None = None, *, open: bool = False) -> dict[str, Any]:
    """The schema of an object with these properties; with others, too, where it is open."""
    return {
        "type": "object", "properties": required | (more or {}), "required": list(required),
        "additionalProperties": open,
    }  # fmt: skip


TEXT, NUMBER, TRUTH = {"type": "string"}, {"type": "number"}, {"type": "boolean"}
TEXTS = {"type": "array", "items": TEXT}
REFERENCE = _record({"name": TEXT, "type": TEXT, "id": TEXT})
OBJECT = _record(
    {"type": TEXT, "id": TEXT, "attributes": {"type": "object"}, "references": {"type": "array", "items": REFERENCE}},
    {"coreMigrationVersion": TEXT, "typeMigrationVersion": TEXT, "managed": TRUTH},
)
SEARCH_SOURCE = _record({"searchSourceJSON": TEXT})
QUERY = _record({"query": TEXT, "language": {"enum": ["kuery", "lucene"]}})
ATTRIBUTES = {
    "index-pattern": _record(
        {"title": TEXT},
        dict.fromkeys(
            ("name", "timeFieldName", "fields", "sourceFilters", "fieldFormatMap", "fieldAttrs", "runtimeFieldMap",
             "typeMeta", "type"), TEXT,
        ) | {"allowNoIndex": TRUTH, "allowHidden": TRUTH},
    ),
    "lens": _record(
        {
            "title": TEXT, "visualizationType": {"enum": ["lnsMetric", "lnsXY"]},
            "state": _record(
                {
                    "visualization": {"type": "object"}, "query": QUERY, "filters": {"type": "array"},
                    "datasourceStates": _record({"formBased": _record({"layers": {"type": "object"}})}, open=True),
                },
                {"internalReferences": {"type": "array"}, "adHocDataViews": {"type": "object"}},
            ),
        },
        {"description": TEXT},
    ),
    "search": _record(
        {"title": TEXT, "columns": TEXTS, "sort": {"type": "array", "items": TEXTS | {"minItems": 2, "maxItems": 2}},
         "kibanaSavedObjectMeta": SEARCH_SOURCE},
        {"description": TEXT, "grid": {"type": "object"}, "hideChart": TRUTH, "isTextBasedQuery": TRUTH,
         "timeRestore": TRUTH, "rowHeight": NUMBER, "rowsPerPage": NUMBER, "sampleSize": NUMBER},
    ),
    "dashboard": _record(
        {"title": TEXT, "panelsJSON": TEXT, "kibanaSavedObjectMeta": SEARCH_SOURCE},
        {"description": TEXT, "optionsJSON": TEXT, "timeRestore": TRUTH, "timeFrom": TEXT, "timeTo": TEXT,
         "version": NUMBER, "hits": NUMBER,
         "refreshInterval": _record({"pause": TRUTH, "value": NUMBER}, {"display": TEXT, "section": NUMBER}),
         "controlGroupInput": _record(
             {}, {"panelsJSON": TEXT, "chainingSystem": {"enum": ["HIERARCHICAL", "NONE"]},
                  "controlStyle": {"enum": ["oneLine", "twoLine"]}, "ignoreParentSettingsJSON": TEXT,
                  "showApplySelections": TRUTH},
         )},
    ),
}  # fmt: skip
"""By type, what Kibana 8.19 knows of a saved object's attributes, and what it needs."""

PANEL = _record(
    {
        "type": {"enum": ["lens", "search"]}, "panelIndex": TEXT, "panelRefName": TEXT,
        "embeddableConfig": {"type": "object"}, "gridData": _record(dict.fromkeys("xywh", NUMBER) | {"i": TEXT}),
    },
)  # fmt: skip
CONTROL = _record(
    {
        "order": NUMBER, "width": {"enum": ["small", "medium", "large"]}, "grow": TRUTH,
        "type": {"enum": ["optionsListControl", "rangeSliderControl", "timeSlider"]},
        "explicitInput": _record({"id": TEXT}, open=True),
    },
)  # fmt: skip
COLUMN = _record(
    {
        "label": TEXT, "dataType": {"enum": ["number", "string", "date", "boolean"]}, "isBucketed": TRUTH,
        "operationType": {"enum": ["count", "unique_count", "average", "terms", "date_histogram"]}, "sourceField": TEXT,
    },
    {"scale": {"enum": ["ratio", "ordinal", "interval"]}, "params": {"type": "object"}, "customLabel": TRUTH},
)  # fmt: skip


@pytest.mark.parametrize("file", MADE, ids=lambda file: file.name)
def test_the_file_is_what_is_made(file: Path) -> None:
    assert file.read_text(encoding="utf-8") == MADE[file](), "run: make dashboards"


def test_both_have_a_dozen_panels_and_open_with_a_year() -> None:
    assert len(GRAFANA["panels"]) >= 12
    assert len(PANELS) >= 12
    assert GRAFANA["time"] == {"from": "now-1y", "to": "now"}
    assert (BOARD["timeRestore"], BOARD["timeFrom"], BOARD["refreshInterval"]["pause"]) == (True, "now-1y", False)


def test_both_narrow_down_by_speaker_source_and_dates() -> None:
    fields = {field for _, field in CONTROLS}
    assert {"speaker.name", "source.name"} <= fields
    variables = [one for one in GRAFANA["templating"]["list"] if one["type"] == "query"]
    assert {json.loads(one["query"])["field"] for one in variables} == fields
    controls = json.loads(BOARD["controlGroupInput"]["panelsJSON"])
    assert {one["explicitInput"].get("fieldName") for one in controls.values()} == fields | {None}
    assert [one["type"] for one in controls.values()].count("timeSlider") == 1
    assert all(id == one["explicitInput"]["id"] for id, one in controls.items())
    named = {one["name"] for one in KIBANA["dashboard", "whosaid"]["references"]}
    assert {f"controlGroup_{id}:optionsListDataView" for id in controls if id != "dates"} <= named


def test_panels_lead_to_the_pages() -> None:
    urls = [link["url"] for panel in GRAFANA["panels"] for link in panel["fieldConfig"]["defaults"].get("links", ())]
    assert len(urls) >= 5
    assert all(url.startswith("${whosaid}/search?") for url in urls)
    assert "${whosaid}/quotes/" in json.dumps(GRAFANA["panels"][-1])
    view = json.loads(KIBANA["index-pattern", "whosaid-quotes"]["attributes"]["fieldFormatMap"])
    assert {name: one["params"]["urlTemplate"].rsplit("/", 2)[1] for name, one in view.items()} == {
        "id": "quotes", "article_id": "articles", "speaker.id": "speakers",
    }  # fmt: skip


def test_every_reference_of_kibana_is_in_the_file() -> None:
    assert {f"{one['panelIndex']}:{one['panelRefName']}" for one in PANELS} <= {
        one["name"] for one in KIBANA["dashboard", "whosaid"]["references"]
    }
    for one in SAVED:
        assert one["typeMigrationVersion"] == kibana.VERSIONS[one["type"]]
        for reference in one["references"]:
            assert (reference["type"], reference["id"]) in KIBANA
    texts = [text for one in SAVED for name, text in one["attributes"].items() if name.endswith("JSON")]
    assert all(json.loads(text) is not None for text in texts)


def test_no_two_objects_are_one() -> None:
    """Of two with one id, Kibana would keep one and show it twice."""
    assert len(KIBANA) == len(SAVED)


@pytest.mark.parametrize("one", SAVED, ids=lambda one: f"{one['type']} {one['id']}")
def test_each_object_fits_what_kibana_takes(one: dict[str, Any]) -> None:
    """By what Kibana 8.19 registers of each type; it refuses a dashboard whose attributes it does not know."""
    assert [error.message for error in Draft7Validator(OBJECT).iter_errors(one)] == []
    assert [error.message for error in Draft7Validator(ATTRIBUTES[one["type"]]).iter_errors(one["attributes"])] == []
    if one["type"] == "dashboard":
        panels = json.loads(one["attributes"]["panelsJSON"])
        assert [error.message for panel in panels for error in Draft7Validator(PANEL).iter_errors(panel)] == []
        controls = json.loads(one["attributes"]["controlGroupInput"]["panelsJSON"])
        assert [
            error.message for control in controls.values() for error in Draft7Validator(CONTROL).iter_errors(control)
        ] == []
    if one["type"] == "lens":
        layers = one["attributes"]["state"]["datasourceStates"]["formBased"]["layers"]
        names = {reference["name"] for reference in one["references"]}
        assert names == {f"indexpattern-datasource-layer-{id}" for id in layers}
        for layer in layers.values():
            columns = layer["columns"].values()
            assert [error.message for column in columns for error in Draft7Validator(COLUMN).iter_errors(column)] == []


def test_a_lens_shows_the_columns_that_it_has() -> None:
    for one in SAVED:
        if one["type"] == "lens":
            state = one["attributes"]["state"]
            ((id, layer),) = state["datasourceStates"]["formBased"]["layers"].items()
            shown = state["visualization"]
            drawn = shown["layers"][0] if "layers" in shown else shown
            assert drawn["layerId"] == id
            used = {drawn.get(name) for name in ("xAccessor", "splitAccessor", "metricAccessor")} - {None}
            assert used | set(drawn.get("accessors", ())) == set(layer["columns"]) == set(layer["columnOrder"])


def test_what_a_copy_repeats_is_counted_once() -> None:
    queries = {target["query"] for panel in GRAFANA["panels"] for target in panel["targets"]}
    assert all(query.startswith("NOT _exists_:duplicate_of") for query in queries)
    source = json.loads(BOARD["kibanaSavedObjectMeta"]["searchSourceJSON"])
    assert source["query"] == {"query": "NOT duplicate_of: *", "language": "kuery"}


def test_no_panel_of_either_dashboard_lies_upon_another() -> None:
    for width, places in (
        (24, [panel["gridPos"] for panel in GRAFANA["panels"]]),
        (48, [panel["gridData"] for panel in PANELS]),
    ):
        cells = [
            (x, y)
            for place in places
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        ]
        assert len(cells) == len(set(cells))
        assert max(x for x, _ in cells) < width
