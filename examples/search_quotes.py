"""Writes every quote that a search finds as a line of JSON: an export of any size.

python examples/search_quotes.py "ceasefire" > quotes.jsonl
"""

import sys
from collections.abc import Iterator

from pipeline import QuoteHit, QuoteQuery, Reader, load_settings


def all_quotes(reader: Reader, query: QuoteQuery) -> Iterator[QuoteHit]:
    """Yields the quotes of all pages; a cursor leads from each page to the next.

    Raises:
        SystemExit: Elasticsearch cannot search all quotes now; the message says what mends it.
    """
    while True:
        page = reader.search_quotes(query)
        if not page.complete:
            raise SystemExit(page.reason)
        yield from page.hits
        if page.next is None:
            return
        query = query.model_copy(update={"cursor": page.next})


def main(words: str) -> None:
    """Exports the quotes with these words, the newest first."""
    with Reader(load_settings()) as reader:
        for hit in all_quotes(reader, QuoteQuery(words=words, sort="newest", size=100)):
            print(hit.model_dump_json())


if __name__ == "__main__":
    main(sys.argv[1])
