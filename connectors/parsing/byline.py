"""Who wrote a page: the names that it gives, without what is no name."""

import re
from collections.abc import Iterable, Mapping

from connectors.parsing import markup
from connectors.parsing.article_factory import one_line

METAS = ("author", "parsely-author", "sailthru.author", "dc.creator", "dcterms.creator", "dc:creator", "article:author",
         "og:article:author")  # fmt: skip
"""Where pages name their authors, the most usual first."""

_ADDRESS = re.compile(r"\s*[-–(|<,]?\s*(?:(?:https?://|www\.)\S*|[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{1,64}[>)]?)")
_IN_BRACKETS = re.compile(r"\(([^()]*)\)")
_BY = re.compile(r"^(?:written\s+)?by\s+(?=\S)", re.IGNORECASE)
_DATE = re.compile(
    r"[\s,;]+(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|may|june|july|august|september"
    r"|october|november|december)\.?$",
    re.IGNORECASE,
)
_NO_NAME = re.compile(
    r"(?:admin(?:istrator)?|author|user ?name|name|user|guest|publisher|root|unknown|none|null|undefined|n/?a)"
    r"|(?:(?:last )?(?:updated|modified|published|posted)|copyright)\b.*|\W*",
    re.IGNORECASE,
)


def choose(stated: str, metas: Mapping[str, str], guessed: str, site: str = "") -> str:
    """The names as one line: those stated for machines, or else those guessed from the page; the site's own last."""
    found = [names((one,)) for one in (stated, *(metas.get(name, "") for name in METAS))]
    found.append(names(map(_without_date, guessed.split(";"))))
    found = [one for one in found if one]
    return next((one for one in found if one.casefold() != site.casefold()), next(iter(found), ""))


def names(said: Iterable[str]) -> str:
    """The names that are some, with commas between them."""
    found = (_name(one) for one in said)
    return ", ".join(dict.fromkeys(one for one in found if not _NO_NAME.fullmatch(one)))


def _name(said: str) -> str:
    """The name without 'By' and addresses; where mail has it so, the name in brackets behind one."""
    name = one_line(_ADDRESS.sub("", _BY.sub("", one_line(markup.paragraphs(said)))))
    return found[1].strip() if (found := _IN_BRACKETS.fullmatch(name)) else name


def _without_date(name: str) -> str:
    """A guessed name without the weekday or month that the date behind it left; a surname stays a surname."""
    while name.count(" ") > 1 and (found := _DATE.search(name)):
        name = name[: found.start()]
    return "" if _DATE.fullmatch(f" {name.strip()}") else name
