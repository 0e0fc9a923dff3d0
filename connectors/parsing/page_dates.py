"""When a page was published and changed, by what it says for machines and what its text shows."""

import re
from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from connectors.parsing import dates

_PUBLISHED = (
    "article:published_time", "og:article:published_time", "datepublished", "date", "pubdate", "publishdate",
    "parsely-pub-date", "sailthru.date", "dc.date", "dc.date.issued", "dcterms.created", "dcterms.date", "publish-date",
    "article.published", "og:published_time", "cxenseparse:recs:publishtime",
)  # fmt: skip
_MODIFIED = ("article:modified_time", "og:updated_time", "datemodified", "lastmod", "last-modified", "dcterms.modified")
_CHANGED = re.compile(r"updated|modified")
_MOST_ELEMENTS = 20_000


def published(stated: str, metas: Mapping[str, str], tree: Any, guessed: str) -> datetime | None:
    """The date of publication: as JSON-LD states it, in the head, in the text, or as it was guessed."""
    return dates.parse(stated) or _first_date(metas, _PUBLISHED) or _shown_date(tree) or dates.parse(guessed)


def modified(stated: str, metas: Mapping[str, str]) -> datetime | None:
    """The date of the last change: as JSON-LD states it, or in the head."""
    return dates.parse(stated) or _first_date(metas, _MODIFIED)


def _first_date(metas: Mapping[str, str], names: tuple[str, ...]) -> datetime | None:
    return next((moment for name in names if (moment := dates.parse(metas.get(name)))), None)


def _shown_date(tree: Any) -> datetime | None:
    """The date of publication among those in the text: by microdata or class, or else the first that is no other."""
    rest: list[datetime] = []
    for one in islice(tree.iter("time", "span", "div", "p", "abbr"), _MOST_ELEMENTS):
        property, classes = (one.get("itemprop") or "").lower(), (one.get("class") or "").lower()
        if one.tag != "time" and property != "datepublished":
            continue
        moment = dates.parse(one.get("datetime") or one.get("content") or (one.text if property else None))
        if moment is None or _CHANGED.search(f"{property} {classes}".replace("datepublished", "")):
            continue
        if property == "datepublished" or one.get("pubdate") is not None or "publish" in classes:
            return moment
        rest.append(moment)
    return next(iter(rest), None)
