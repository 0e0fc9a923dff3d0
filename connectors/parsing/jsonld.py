"""Finds the schema.org article that a page holds as JSON-LD."""

import json
import re
from collections.abc import Iterator
from typing import Any

_ARTICLES = frozenset(
    "Article NewsArticle ReportageNewsArticle AnalysisNewsArticle AskPublicNewsArticle BackgroundNewsArticle "
    "OpinionNewsArticle ReviewNewsArticle LiveBlogPosting BlogPosting AdvertiserContentArticle Report".split()
)
_BEFORE = re.compile(r"\s*(?:<!--|(?://|/\*)?\s*<!\[CDATA\[(?:\s*\*/)?)")
_AFTER = re.compile(r"(?:-->|(?://|/\*)?\s{0,9}\]\]>(?:\s{0,9}\*/)?);?\s{0,9}$")
_TAIL = 60  # characters at the end of a script among which its wrapping ends
_CONTROL = re.compile(r"[\x00-\x1f]+")
_LARGEST = 2 * 2**20  # of one script, in characters
_MOST = 2000  # objects looked at


def find_article(scripts: list[str]) -> dict[str, Any]:
    """The first article among the scripts, one with a body before one without; empty where there is none.

    References to authors and publishers are replaced by the objects of the page that have their names.
    """
    objects = [item for script in scripts for item in _objects(_load(script))]
    articles = [item for item in objects if _types(item) & _ARTICLES]
    with_body = [item for item in articles if isinstance(item.get("articleBody"), str) and item["articleBody"].strip()]
    article = next(iter(with_body or articles), {})
    named = {item["@id"]: item for item in objects if isinstance(item.get("@id"), str) and item.get("name")}
    return {**article, **{key: _resolved(article[key], named) for key in ("author", "publisher") if key in article}}


def accessible(article: dict[str, Any]) -> bool | None:
    """Whether the page says that everybody may read the article; None where it says nothing about that."""
    value = article.get("isAccessibleForFree")
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.strip().lower())
    return value if isinstance(value, bool) else None


def _resolved(value: Any, named: dict[str, dict[str, Any]]) -> Any:
    """The value with each @id replaced by its object, where the page has one with a name."""
    found = [
        named.get(item["@id"], item) if isinstance(item, dict) and isinstance(item.get("@id"), str) else item
        for item in (value if isinstance(value, list) else [value])
    ]
    return found if isinstance(value, list) else found[0]


def _types(item: dict[str, Any]) -> set[str]:
    kind = item.get("@type")
    kinds = kind if isinstance(kind, list) else [kind]
    return {name.rpartition("/")[2] for name in kinds if isinstance(name, str)}


def _load(script: str) -> Any:
    script = script.strip()
    if before := _BEFORE.match(script):
        script = script[before.end() :]
        script = (script[:-_TAIL] + _AFTER.sub("", script[-_TAIL:])).strip()
    script = script.rstrip(";")
    if not script or len(script) > _LARGEST:
        return None
    for attempt in (script, _CONTROL.sub(" ", script)):  # line ends within strings are wrong, and common
        try:
            return json.loads(attempt)
        except (ValueError, RecursionError):
            continue
    return None


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """The objects in the value, outermost first, with those in @graph and in lists."""
    waiting, looked = [value], 0
    while waiting and looked < _MOST:
        element = waiting.pop(0)
        looked += 1
        if isinstance(element, list):
            waiting.extend(element)
        elif isinstance(element, dict):
            yield element
            for key in ("@graph", "mainEntity", "mainEntityOfPage", "itemListElement", "item"):
                if isinstance(element.get(key), dict | list):
                    waiting.append(element[key])
