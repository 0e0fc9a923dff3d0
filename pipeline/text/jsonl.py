"""Articles as JSON lines in, entities and quotes as JSON lines out: `whosaid extract --jsonl`.

A line `{"id", "text", "title"?, "published"?, "language"?}` is answered by `{"id", "entities", "quotes"}`, in order and
as soon as it is ready; offsets are those of Python's strings into `text`. A line that cannot be read or analysed is
answered by `{"id", "error"}`, where the id is null if it cannot be told. An article in a language that the pipeline
does not read has no entities and no quotes, and a `language`. Blank lines are passed over.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO

from pipeline.settings import EnrichmentSettings
from pipeline.text.workers import Limits, OrderedWorkers, Work, cores


def run(
    lines: Iterable[bytes | str],
    out: BinaryIO,
    *,
    settings: EnrichmentSettings | None = None,
    processes: int | None = None,
) -> int:
    """Answer each line; returns how many were answered.

    Args:
        lines: JSON lines, an open binary file for one. They are read no faster than they are answered.
        out: where the answers go; it is flushed after each.
        settings: the pipeline, its limits and its number of processes (0: one for each core we may use).
        processes: another number of processes than the settings'.

    Raises:
        SettingsError: the pipeline cannot be loaded.
        OSError: `out` cannot be written.
    """
    settings = settings or EnrichmentSettings()

    def emit(answer: bytes) -> None:
        out.write(answer + b"\n")
        out.flush()

    arguments = {
        "model": settings.model,
        "fast": settings.fast,
        "batch_size": settings.batch_size,
        "max_characters": settings.max_characters,
    }
    limits = Limits(
        processes=processes or settings.processes or cores(),
        batch_size=settings.batch_size,
        time_limit=settings.time_limit,
        memory_limit=settings.memory_limit,
    )
    return OrderedWorkers(answerer, arguments, emit, _lost, limits).run(_bytes(lines))


def answerer(**arguments: Any) -> Work:
    """The work on a batch of lines; the arguments are those of `Analyser`."""
    from pipeline.text.analyser import Analyser, Analysis, AnalysisError, Document  # Slow: for the new process alone.

    analyser = Analyser(**arguments)

    def answers(lines: list[bytes]) -> Iterator[bytes]:
        ids: list[str | int | None] = []
        problems: dict[int, str] = {}
        documents: list[Document] = []
        for number, line in enumerate(lines):
            identity, article = _parsed(line)
            ids.append(identity)
            if isinstance(article, str):
                problems[number] = article
            else:
                documents.append(Document(id=str(identity), **article))
        analyses = analyser.analyse(documents)
        for number, identity in enumerate(ids):
            if number in problems:
                yield _line({"id": identity, "error": problems[number]})
                continue
            analysis = next(analyses)
            if isinstance(analysis, AnalysisError):
                yield _line({"id": identity, "error": analysis.error})
            else:
                yield _line({"id": identity, **_found(analysis)})

    def _found(analysis: Analysis) -> dict[str, Any]:
        found: dict[str, Any] = {
            "entities": [entity.model_dump(mode="python") for entity in analysis.entities],
            "quotes": [quote.model_dump(mode="python") for quote in analysis.quotes],
        }
        return found if analysis.analysed else {**found, "language": analysis.language}

    return answers


def _bytes(lines: Iterable[bytes | str]) -> Iterator[bytes]:
    for line in lines:
        data = line.encode("utf-8", "surrogatepass") if isinstance(line, str) else line
        if data.strip():
            yield data.rstrip(b"\r\n")


def _parsed(line: bytes) -> tuple[str | int | None, dict[str, Any] | str]:
    # The line's id, and the rest of it for a Document or else what is wrong with it.
    try:
        given = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return None, f"The line is not UTF-8 text (byte {error.start})."
    except (ValueError, RecursionError) as error:
        return None, f"The line is not JSON: {error}."
    if not isinstance(given, dict):
        return None, 'The line is not a JSON object like {"id": …, "text": …}.'
    identity = given.get("id")
    if isinstance(identity, bool) or not isinstance(identity, str | int):
        return None, "The article has no id, a string or a whole number."
    for name in ("text", "title", "published", "language"):
        if not isinstance(given.get(name), str | (type(None) if name != "text" else str)):
            return identity, f"The article's {name} is {'missing' if name not in given else 'not a string'}."
    try:
        published = _moment(given.get("published"))
    except (ValueError, TypeError, OverflowError):
        return (
            identity,
            f"The article's published is no date or time like 2025-03-12T08:00:00Z: {given['published']!r}.",
        )
    return identity, {
        "text": given["text"],
        "headline": given.get("title") or "",
        "published": published,
        "language": given.get("language"),
    }


def _moment(published: str | None) -> datetime | None:
    if not published or not published.strip():
        return None
    try:
        moment = datetime.fromisoformat(published.strip())
    except ValueError:
        moment = parsedate_to_datetime(published)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _line(answer: dict[str, Any]) -> bytes:
    try:
        return json.dumps(answer, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:  # Halves of surrogate pairs, which JSON can only carry escaped.
        return json.dumps(answer, default=str).encode()


def _lost(line: bytes, reason: str) -> bytes:
    return _line({"id": _parsed(line)[0], "error": f"The article could not be analysed: {reason}"})


if __name__ == "__main__":
    run(sys.stdin.buffer, sys.stdout.buffer, processes=int(sys.argv[1]) if sys.argv[1:] else None)
