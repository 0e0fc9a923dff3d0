"""Prints who said what in a text. Needs no Kafka and no Elasticsearch.

python examples/analyse_text.py
"""

from datetime import UTC, datetime

from pipeline import Analyser, AnalysisError, Document, load_settings

TEXT = """“We will open the bridge in May,” Ada Byrne, the mayor of Porto, told reporters on Monday.

She said that the old one would be closed. “It has served us well,” she added."""


def main() -> None:
    """Analyses the text above."""
    analyser = Analyser(load_settings().enrichment.model)
    document = Document("1", TEXT, published=datetime(2026, 3, 10, tzinfo=UTC))
    analysis = analyser.analyse_one(document)
    if isinstance(analysis, AnalysisError):
        raise SystemExit(analysis.error)
    for quote in analysis.quotes:
        speaker = quote.speaker.name if quote.speaker else "somebody"
        print(f"{speaker} ({quote.type}, {quote.confidence:.2f}): {quote.text}")
    print("Entities:", ", ".join(sorted({f"{entity.name} ({entity.label})" for entity in analysis.entities})))


if __name__ == "__main__":
    main()
