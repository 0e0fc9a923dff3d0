"""The headline of a page among its titles, without the name of the site that many of them carry."""

import re
from collections.abc import Iterable

from connectors.parsing.article_factory import domain_of, one_line

METAS = ("og:title", "twitter:title", "parsely-title", "dc.title", "dcterms.title", "dc:title")
"""Where pages name their title for machines, the most usual first."""

_SEPARATOR = re.compile(
    r"\s+[-–—|·•»«:~/]+\s+|\s*[|｜：_]+\s*|:\s+"
)  # what stands between a headline and a site's name
_SLUG = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)+", re.IGNORECASE)
_CUT_OFF = re.compile(r"\s*(?:\.\.\.|…)$")
_WORD = re.compile(r"\w+")
_LARGEST_REST = 3  # times the length of a heading, for what a title has around it too
_SHORTEST = 4  # letters of the beginning of a site's name that are told from a word of the headline


def choose(stated: Iterable[str], title: str | None, headings: list[str], site: str, url: str | None) -> str:
    """The headline: the first of those stated for machines that is one, or else the best of title and headings.

    `site` is what the site calls itself. Its name is cut off, and so is what stands around a heading of the page.
    """
    names = _names(site, url)
    title = one_line(title)
    said = [one for one in stated if one and _letters(one) not in names]
    words = [one for one in said if not _SLUG.fullmatch(one)]  # the name of a file is the last resort
    if words:
        return _trimmed(_whole(words[0], [*said, *headings, title]), headings, site, names)
    if title and _letters(title) not in names:
        return headings[0] if headings and _alike(headings[0], title) else _trimmed(title, headings, site, names)
    return next(iter([*headings, *said]), title)


def _whole(text: str, others: list[str]) -> str:
    """The text, or the one of the others that it is the beginning of, where it was cut off."""
    stem = _CUT_OFF.sub("", text)
    if stem == text or not stem:
        return text
    return next((one for one in others if one.startswith(stem) and not _CUT_OFF.search(one)), text)


def _trimmed(text: str, headings: list[str], site: str, names: set[str]) -> str:
    shown = {_letters(one) for one in headings} - {""}
    cuts = list(_SEPARATOR.finditer(text))
    pieces = (*(text[: one.start()] for one in reversed(cuts)), *(text[one.end() :] for one in cuts))
    for piece in pieces if _letters(text) not in shown else ():
        if len(text) <= _LARGEST_REST * len(piece) and _letters(piece) in shown:
            return piece.strip()
    while cuts:
        first, last = cuts[0], cuts[-1]
        before, behind = text[: last.start()].strip(), text[first.end() :].strip()
        if before and _is_name(text[last.end() :], site, names):
            text = before
        elif behind and ":" not in first.group() and _letters(text[: first.start()]) in names:
            text = behind
        else:
            break
        cuts = list(_SEPARATOR.finditer(text))
    return text


def _alike(heading: str, title: str) -> bool:
    """Whether half of the words of either are in the other: the same headline, said twice."""
    one, other = (set(_WORD.findall(text.lower())) for text in (heading, title))
    return len(one & other) * 2 >= min(len(one), len(other)) and len(one) > 2


def _names(site: str, url: str | None) -> set[str]:
    """What the site may be called in a title: by its own name, its domain, and the chief part of that."""
    domain = domain_of(url or "") or ""
    found = (site, domain, max(domain.split(".")[:-1], key=len, default=""))
    return set(filter(None, map(_letters, found)))


def _is_name(text: str, site: str, names: set[str]) -> bool:
    """Whether the text is a name of the site, or what that begins with ("The Paper – News of the day")."""
    if _letters(text) in names:
        return True
    length = len(text)
    return length >= _SHORTEST and site.lower().startswith(text.lower()) and not site[length : length + 1].isalnum()


def _letters(text: str) -> str:
    return "".join(_WORD.findall(text.casefold())).replace("_", "")
