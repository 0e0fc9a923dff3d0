"""Makes stable ids and revisions: the same article, quote or name gets the same id in every run, everywhere."""

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime

from w3lib.url import canonicalize_url, url_query_cleaner

TRACKING_PARAMETERS = (
    "fbclid", "gclid", "dclid", "msclkid", "igshid", "mc_cid", "mc_eid", "ocid", "cmpid", "ito", "smid", "ftag", "ncid",
    "at_medium", "at_campaign", "at_custom1", "at_custom2", "at_custom3", "at_custom4", "cmp", "partner", "ref_src",
    "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "utm_id",
    "utm_name", "utm_reader", "utm_brand",
)  # fmt: skip
"""Query parameters that say where a reader came from, never what the page is."""

_WEB = re.compile(r"\s*https?://", re.IGNORECASE)
_LAST_DOT = re.compile(r"(?<=[^.])\.(?=$|:\d+$)")


def digest(*parts: str, length: int = 32) -> str:
    """Hex SHA-256 of the parts, told apart by a separator no text contains, cut to `length` characters."""
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:length]


def canonical_url(url: str) -> str:
    """The URL without tracking parameters, fragment, login, default port, or case in its scheme and host.

    Its query is sorted, and a host's name of any letters is written as DNS has it (IDNA). Text that is no web address
    (`file:…`, `urn:…`), or none that can be read, comes back as it is.
    """
    if not _WEB.match(url):
        return url
    try:
        cleaned = url_query_cleaner(url, TRACKING_PARAMETERS, remove=True, unique=False)
        canonical = str(canonicalize_url(cleaned, keep_fragments=False))
    except ValueError:  # a port that is no number, a bracket left open
        return url
    scheme, _, rest = canonical.partition("://")
    host, slash, path = rest.partition("/")
    host = _LAST_DOT.sub("", host.rpartition("@")[2].removesuffix(":80" if scheme == "http" else ":443"))
    return f"{scheme}://{host}{slash}{path}"


def article_id(url: str) -> str:
    """The article's id: a hash of its canonical URL."""
    return digest("article", canonical_url(url))


def content_hash(headline: str, body: str) -> str:
    """Equal for equal content: a hash of headline and body."""
    return digest("content", headline, body)


def revision(modified: datetime | None, fetched: datetime) -> int:
    """Milliseconds since 1970 of the modification, or of the fetch where the source gives none; never below 0."""
    moment = (modified or fetched).astimezone(UTC)
    return max(0, round(moment.timestamp() * 1000))


def quote_id(article: str, text: str, segments: Sequence[tuple[int, int]]) -> str:
    """The quote's id: the article's id, then a hash of its segments and text."""
    as_json = str([list(segment) for segment in segments])  # of whole numbers alone
    return f"{article}-{digest('quote', as_json, text, length=16)}"


def name_id(kind: str, name: str) -> str:
    """The id of a speaker or an entity: equal for names that differ in case, accents' encoding or spacing alone."""
    plain = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    return digest("name", kind, plain, length=20)
