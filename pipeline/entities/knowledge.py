"""Reads entities of a knowledge base from files: CSV, JSON lines, FollowTheMoney, Wikidata, congress-legislators.

Files are streamed, also compressed ones (.gz, .bz2), so that a whole dump fits through. What is no person, organisation
or place is passed over; a line that cannot be read is counted, and the rest goes on.
"""

import bz2
import csv
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

import yaml
from pydantic import ValidationError

from pipeline.elasticsearch_client import chunks
from pipeline.entities import names
from pipeline.entities.models import Kind, Known
from pipeline.errors import InputError

MAX_LINE = 16 * 2**20
"""Characters of the longest line that is read: more than any item of Wikidata has."""

MAX_WHOLE = 64 * 2**20
"""Bytes of the largest YAML file, which is read whole."""

_AT_ONCE = 300
_MAX_ALIASES = 60


class Form(StrEnum):
    """What a file is written in."""

    CSV = "csv"
    JSON_LINES = "jsonl"
    FOLLOW_THE_MONEY = "ftm"
    WIKIDATA = "wikidata"
    LEGISLATORS = "legislators"


@dataclass
class Progress:
    """How far a file is read."""

    lines: int = 0
    entities: int = 0
    passed_over: int = 0
    """Entries that are no person, organisation or place."""
    unreadable: int = 0
    first_problem: str = ""

    def fail(self, problem: str) -> None:
        """Counts an entry that cannot be read."""
        self.unreadable += 1
        self.first_problem = self.first_problem or f"line {self.lines}: {problem}"


_SCHEMAS = {
    "Person": Kind.PERSON, "Organization": Kind.ORGANIZATION, "Company": Kind.ORGANIZATION,
    "PublicBody": Kind.ORGANIZATION, "LegalEntity": Kind.ORGANIZATION,
}  # fmt: skip
_CLASSES = {
    "Q5": Kind.PERSON, "Q43229": Kind.ORGANIZATION, "Q4830453": Kind.ORGANIZATION, "Q7278": Kind.ORGANIZATION,
    "Q327333": Kind.ORGANIZATION, "Q484652": Kind.ORGANIZATION, "Q3918": Kind.ORGANIZATION,
    "Q783794": Kind.ORGANIZATION, "Q476028": Kind.ORGANIZATION, "Q6256": Kind.PLACE, "Q3624078": Kind.PLACE,
    "Q515": Kind.PLACE,
}  # fmt: skip
"""What Wikidata's most frequent classes are: human, organisation, business, party, agency, club, country, city …"""

_LANGUAGES = tuple("en mul de fr es it pt pl ru uk ar zh ja he el tr hi ko".split())


def read(path: Path, form: Form | None = None, progress: Progress | None = None) -> Iterator[Known]:
    """The entities of a file; without `form` what it is written in is told from its name and its first line.

    Raises:
        InputError: the file cannot be read, or is none of these.
    """
    progress = progress or Progress()
    form = form or guess(path)
    try:
        if form is Form.LEGISLATORS:
            yield from _counted(_legislators(path), progress)
        elif form is Form.CSV:
            with _text(path) as text:
                yield from _counted((_plain(row) for row in csv.DictReader(text)), progress)
        else:
            with _text(path) as text:
                yield from _counted((_FORMS[form](one) for one in _items(text, progress)), progress)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read: {error}.") from None


def chunked(known: Iterable[Known]) -> Iterator[list[Known]]:
    """The entities in lists of a few hundred."""
    return chunks(known, _AT_ONCE)


def guess(path: Path) -> Form:
    """What a file is written in.

    Raises:
        InputError: it cannot be told, or the file cannot be read.
    """
    name = path.name.removesuffix(".gz").removesuffix(".bz2")
    if name.endswith((".yaml", ".yml")):
        return Form.LEGISLATORS
    if name.endswith((".csv", ".tsv")):
        return Form.CSV
    try:
        with _text(path) as text:
            item = next(iter(_items(text, Progress())), None)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from None
    if isinstance(item, dict):
        if "schema" in item and "properties" in item:
            return Form.FOLLOW_THE_MONEY
        return Form.WIKIDATA if "labels" in item and "claims" in item else Form.JSON_LINES
    raise InputError(f"It cannot be told what {path} is written in; say it with --form: {', '.join(Form)}.")


@contextmanager
def _text(path: Path) -> Iterator[IO[str]]:
    openers = {".gz": gzip.open, ".bz2": bz2.open}
    opener: Any = openers.get(path.suffix, open)
    with opener(path, "rt", encoding="utf-8-sig", newline="") as text:
        yield text


def _items(text: IO[str], progress: Progress) -> Iterator[Any]:
    """The JSON values of the lines; Wikidata's dumps are a list with an item on each line."""
    while line := text.readline(MAX_LINE):
        progress.lines += 1
        item = line.strip().rstrip(",")
        if item in ("", "[", "]"):
            continue
        try:
            yield json.loads(item)
        except (ValueError, RecursionError) as error:
            progress.fail(f"no JSON ({str(error)[:80]})")


def _counted(found: Iterable[Known | str | None], progress: Progress) -> Iterator[Known]:
    for one in found:
        if isinstance(one, Known):
            progress.entities += 1
            yield one
        elif one is None:
            progress.passed_over += 1
        else:
            progress.fail(one)


def _known(**fields: Any) -> Known | str | None:
    """The entity; None without a name, and a sentence where the fields do not fit."""
    name = " ".join(str(fields["name"] or "").split())
    if not name or not names.fold(name):
        return None
    aliases = dict.fromkeys(" ".join(str(alias).split()) for alias in fields.pop("aliases", ()) if alias)
    kept = [alias[: names.MAX_CHARACTERS] for alias in aliases if alias and alias != name][:_MAX_ALIASES]
    try:
        return Known(**fields | {"name": name[: names.MAX_CHARACTERS], "aliases": kept})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def _plain(row: Any) -> Known | str | None:
    """A row of a table or an object of ours: id, name, kind, aliases, titles, affiliations, country, links."""
    if not isinstance(row, dict):
        return "no object"
    if not row.get("name"):
        return "no name"
    kind = str(row.get("kind") or Kind.PERSON).strip().lower()
    if kind not in list(Kind):
        return f"the kind {kind[:40]!r} is none of {', '.join(Kind)}"
    lists = {field: _several(row.get(field)) for field in ("aliases", "titles", "affiliations", "links")}
    id = str(row.get("id") or "").strip()
    country = str(row.get("country") or "").strip().upper()[:2] or None
    if id and ":" in id:
        lists["links"] = [id, *lists["links"]]
    return _known(
        id=id or f"{kind}:{names.fold(str(row['name']))}", kind=kind, name=row["name"], country=country, **lists
    )


def _several(value: Any) -> list[str]:
    parts = value if isinstance(value, list) else str(value or "").split("|")
    return list(dict.fromkeys(str(part).strip() for part in parts if str(part).strip()))


def _follow_the_money(item: Any) -> Known | str | None:
    if not isinstance(item, dict) or not isinstance(item.get("properties"), dict):
        return "no entity of FollowTheMoney"
    kind = _SCHEMAS.get(str(item.get("schema")))
    said = {name: _several(value) for name, value in item["properties"].items() if isinstance(value, list)}
    if kind is None or not said.get("name"):
        return None
    codes = [code for code in [*said.get("citizenship", ()), *said.get("country", ())] if len(code) == 2]
    links = [f"wikidata:{id}" for id in said.get("wikidataId", ())]
    return _known(
        id=f"ftm:{item.get('id')}", kind=kind, name=item.get("caption") or said["name"][0],
        aliases=[*said["name"], *said.get("alias", ())], titles=said.get("position", [])[:20],
        country=codes[0].upper() if codes else None, links=[f"ftm:{item.get('id')}", *links],
    )  # fmt: skip


def _wikidata(item: Any) -> Known | str | None:
    if not isinstance(item, dict) or not isinstance(item.get("labels"), dict):
        return "no item of Wikidata"
    kind = next((_CLASSES[one] for one in _claims(item, "P31") if one in _CLASSES), None)
    labels = {language: _value(text) for language, text in item["labels"].items() if language in _LANGUAGES}
    name = next((labels[language] for language in _LANGUAGES if labels.get(language)), "")
    if kind is None or not name:
        return None
    more = item.get("aliases") or {}
    aliases = (
        [_value(text) for language in _LANGUAGES for text in more.get(language, ())] if isinstance(more, dict) else []
    )
    code = next(iter(_claims(item, "P297")), "")
    description = _value((item.get("descriptions") or {}).get("en"))
    return _known(
        id=f"wikidata:{item.get('id')}", kind=kind, name=name, aliases=[*labels.values(), *aliases],
        titles=[description[:100]] if description and kind is Kind.PERSON else [],
        country=code.upper() if len(code) == 2 else None, links=[f"wikidata:{item.get('id')}"],
    )  # fmt: skip


def _value(text: Any) -> str:
    return str(text.get("value") or "") if isinstance(text, dict) else ""


def _claims(item: Mapping[str, Any], property: str) -> Iterator[str]:
    claims = item.get("claims")
    for claim in claims.get(property, ()) if isinstance(claims, dict) else ():
        try:
            value = claim["mainsnak"]["datavalue"]["value"]
        except (KeyError, TypeError):
            continue
        yield str(value.get("id", "")) if isinstance(value, dict) else str(value)


def _legislators(path: Path) -> Iterator[Known | str | None]:
    if path.stat().st_size > MAX_WHOLE:
        raise InputError(f"{path} is larger than {MAX_WHOLE // 2**20} MB, the most that is read of YAML.")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        with _text(path) as text:
            entries = yaml.load(text, loader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"{path} is no YAML: {str(error).splitlines()[0]}.") from None
    if not isinstance(entries, list):
        raise InputError(f"{path} is no list of legislators.")
    yield from map(_legislator, entries)


def _legislator(entry: Any) -> Known | str | None:
    try:
        ids, name, terms = entry["id"], entry["name"], entry["terms"]
        full = name.get("official_full") or f"{name['first']} {name['last']}"
        aliases = [f"{name['first']} {name['last']}"]
        if name.get("nickname"):
            aliases.append(f"{name['nickname']} {name['last']}")
        chamber = {"sen": ["Senator", "U.S. Senator"], "rep": ["Representative", "Congressman", "Congresswoman"]}
        last = terms[-1]
        links = [f"{scheme}:{ids[scheme]}" for scheme in ("bioguide", "wikidata", "govtrack") if ids.get(scheme)]
        return _known(
            id=f"bioguide:{ids['bioguide']}", kind=Kind.PERSON, name=full, aliases=aliases,
            titles=chamber.get(last["type"], []), affiliations=[last["party"]] if last.get("party") else [],
            country="US", links=links,
        )  # fmt: skip
    except (KeyError, TypeError, IndexError, AttributeError):
        return "no entry of congress-legislators"


_FORMS = {Form.JSON_LINES: _plain, Form.FOLLOW_THE_MONEY: _follow_the_money, Form.WIKIDATA: _wikidata}
