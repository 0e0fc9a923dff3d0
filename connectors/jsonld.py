"""The schema.org article that a page carries as JSON-LD."""

import json
import re
from collections.abc import Iterator
from typing import Any

_ARTICLES = frozenset(
    "Article NewsArticle ReportageNewsArticle AnalysisNewsArticle AskPublicNewsArticle BackgroundNewsArticle "
    "OpinionNewsArticle ReviewNewsArticle LiveBlogPosting BlogPosting AdvertiserContentArticle Report".split()
)
_CONTROL = re.compile(r"[\x00-\x1f]+")
_LARGEST = 2 * 2**20  # of one script, in characters
_MOST = 2000  # objects looked at


def find_article(scripts: list[str]) -> dict[str, Any]:
    """The first article among the scripts, one with a body before one without; empty where there is none."""
    articles = [one for script in scripts for one in _objects(_load(script)) if _types(one) & _ARTICLES]
    with_body = [one for one in articles if isinstance(one.get("articleBody"), str) and one["articleBody"].strip()]
    return next(iter(with_body or articles), {})


def accessible(article: dict[str, Any]) -> bool | None:
    """Whether the page says that everybody may read it; None where it does not say."""
    value = article.get("isAccessibleForFree")
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.strip().lower())
    return value if isinstance(value, bool) else None


def _types(one: dict[str, Any]) -> set[str]:
    kind = one.get("@type")
    kinds = kind if isinstance(kind, list) else [kind]
    return {name.rpartition("/")[2] for name in kinds if isinstance(name, str)}


def _load(script: str) -> Any:
    script = script.strip().removeprefix("<!--").removesuffix("-->").strip().rstrip(";")
    if not script or len(script) > _LARGEST:
        return None
    for attempt in (script, _CONTROL.sub(" ", script)):  # raw line ends within strings are common
        try:
            return json.loads(attempt)
        except (ValueError, RecursionError):
            continue
    return None


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """The objects in the value, outermost first; @graph and lists are gone into."""
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
