"""Writes every quote that a search finds as a line of JSON: an export of any size.

python examples/search_quotes.py "ceasefire" > quotes.jsonl
"""

import sys

from pipeline import QuoteQuery, Reader, load_settings


def main(words: str) -> None:
    """Exports the quotes with these words, the newest first."""
    with Reader(load_settings()) as reader:
        for hit in reader.each_quote(QuoteQuery(words=words, sort="newest")):
            print(hit.model_dump_json())


if __name__ == "__main__":
    main(sys.argv[1])
