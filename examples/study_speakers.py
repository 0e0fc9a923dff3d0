"""Counts who says what in pandas, over HTTP: a program that needs only the address of a search service.

python examples/study_speakers.py http://127.0.0.1:8765 "harbour"
"""

import sys

from pipeline import Client


def main(address: str, words: str) -> None:
    """Prints the speakers of the quotes with these words, and the days on which they were published."""
    with Client(address) as client:
        quotes = client.to_pandas(words)
        print(quotes.groupby("speaker", dropna=False).size().sort_values(ascending=False).to_string())
        print(quotes.groupby(quotes["published"].dt.date).size().to_string())
        for hit in client.quotes(words, sort="oldest"):
            print(hit.published, hit.speaker and hit.speaker.name, hit.said)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
