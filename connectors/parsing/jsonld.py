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
    objects = [one for script in scripts for one in _objects(_load(script))]
    articles = [one for one in objects if _types(one) & _ARTICLES]
    with_body = [one for one in articles if isinstance(one.get("articleBody"), str) and one["articleBody"].strip()]
    article = next(iter(with_body or articles), {})
    named = {one["@id"]: one for one in objects if isinstance(one.get("@id"), str) and one.get("name")}
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
        named.get(one["@id"], one) if isinstance(one, dict) and isinstance(one.get("@id"), str) else one
        for one in (value if isinstance(value, list) else [value])
    ]
    return found if isinstance(value, list) else found[0]


def _types(one: dict[str, Any]) -> set[str]:
    kind = one.get("@type")
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
        one = waiting.pop(0)
        looked += 1
        if isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, dict):
            yield one
            for key in ("@graph", "mainEntity", "mainEntityOfPage", "itemListElement", "item"):
                if isinstance(one.get(key), dict | list):
                    waiting.append(one[key])
