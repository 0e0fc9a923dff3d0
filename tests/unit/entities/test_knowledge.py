import bz2
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.entities import curation, knowledge
from pipeline.entities.knowledge import Form, Progress
from pipeline.entities.models import Kind, Known
from pipeline.errors import InputError

ITEM: dict[str, Any] = {
    "id": "Q61053",
    "labels": {"en": {"language": "en", "value": "Olaf Scholz"}, "ru": {"language": "ru", "value": "Олаф Шольц"}},
    "aliases": {"de": [{"language": "de", "value": "Scholzomat"}]},
    "descriptions": {"en": {"language": "en", "value": "German politician"}},
    "claims": {"P31": [{"mainsnak": {"datavalue": {"value": {"id": "Q5"}}}}]},
}
FTM = {
    "id": "NK-1",
    "schema": "Person",
    "caption": "Olaf Scholz",
    "properties": {"name": ["Olaf Scholz", "SCHOLZ, Olaf"], "position": ["Chancellor"], "citizenship": ["de"],
                   "wikidataId": ["Q61053"]},
}  # fmt: skip
YAML = """
- id: {bioguide: C000127, wikidata: Q22250, govtrack: 300018}
  name: {first: Maria, last: Cantwell, official_full: Maria Cantwell, nickname: Mia}
  terms:
  - {type: rep, start: '1993-01-05', party: Democrat}
  - {type: sen, start: '2001-01-03', party: Democrat}
- {id: {}, name: {}}
"""


def read(path: Path, text: str | bytes, form: Form | None = None) -> tuple[list[Known], Progress]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    progress = Progress()
    return list(knowledge.read(path, form, progress)), progress


def test_a_wikidata_dump_is_streamed(tmp_path: Path) -> None:
    river = json.dumps(
        ITEM | {"id": "Q1", "claims": {"P31": [{"mainsnak": {"datavalue": {"value": {"id": "Q4022"}}}}]}}
    )
    dump = f"[\n{json.dumps(ITEM)},\n{river},\n{{broken,\n[]\n]\n"
    for name, packed in (
        ("dump.json.gz", gzip.compress(dump.encode())),
        ("dump.json.bz2", bz2.compress(dump.encode())),
    ):
        (scholz,), progress = read(tmp_path / name, packed)
        assert (scholz.id, scholz.name, scholz.kind) == ("wikidata:Q61053", "Olaf Scholz", Kind.PERSON)
        assert scholz.aliases == ["Олаф Шольц", "Scholzomat"]
        assert scholz.titles == ["German politician"]
        assert (progress.entities, progress.passed_over, progress.unreadable) == (1, 1, 2)
        assert progress.first_problem.startswith("line 4: no JSON")


def test_follow_the_money(tmp_path: Path) -> None:
    vessel = FTM | {"schema": "Vessel"}
    (scholz,), progress = read(tmp_path / "entities.ftm.json", f"{json.dumps(FTM)}\n{json.dumps(vessel)}\n")
    assert scholz.links == ["ftm:NK-1", "wikidata:Q61053"]
    assert (scholz.country, scholz.titles, scholz.aliases) == ("DE", ["Chancellor"], ["SCHOLZ, Olaf"])
    assert progress.passed_over == 1


def test_a_city_is_no_country() -> None:
    def id_of(name: str, kind: Kind = Kind.PLACE, *aliases: str) -> str:
        return curation.known_id(Known(id="x:1", kind=kind, name=name, country="DE", aliases=list(aliases)))

    assert [id_of("Germany"), id_of("Deutschland", Kind.PLACE, "Germany"), id_of("Germans", Kind.GROUP)] == [
        "l-de", "l-de", "g-de",
    ]  # fmt: skip
    assert id_of("Berlin") not in ("l-de", id_of("Potsdam"))


def test_legislators(tmp_path: Path) -> None:
    (cantwell,), progress = read(tmp_path / "legislators-current.yaml", YAML)
    assert cantwell.aliases == ["Mia Cantwell"]
    assert cantwell.titles == ["Senator", "U.S. Senator"]
    assert "wikidata:Q22250" in cantwell.links
    assert progress.unreadable == 1


def test_tables_and_json_lines(tmp_path: Path) -> None:
    table = "id,name,kind,aliases,titles\nx:1,Ada Lund,person,Ada L.|A. Lund,Minister\n,,person,,\n2,B,river,,\n"
    (ada,), progress = read(tmp_path / "people.csv", table)
    assert (ada.aliases, ada.titles, ada.links) == (["Ada L.", "A. Lund"], ["Minister"], ["x:1"])
    assert progress.unreadable == 2
    (lund,), _ = read(tmp_path / "people.jsonl", json.dumps({"name": "Ada Lund", "aliases": ["Ada"], "country": "no"}))
    assert (lund.id, lund.country) == ("person:ada lund", "NO")


def test_what_cannot_be_read_is_refused_in_a_sentence(tmp_path: Path) -> None:
    for name, text in (
        ("x.json", "hello"),
        ("x.gz", "no gzip"),
        ("x.yaml", "{"),
        ("y.yaml", "a: 1"),
        ("z.csv", b"\xff"),
    ):
        with pytest.raises(InputError, match=name):
            read(tmp_path / name, text)
    with pytest.raises(InputError, match="cannot be read"):
        list(knowledge.read(tmp_path / "missing.jsonl"))
