"""Reads articles as JSON lines and writes their entities and quotes as JSON lines: `whosaid extract --jsonl`.

A line `{"id", "text", "title"?, "published"?, "language"?}` is answered by `{"id", "entities", "quotes"}`, in order and
as soon as it is ready; offsets are those of Python's strings into `text`. A line that cannot be read or analysed is
answered by `{"id", "error"}`, where the id is null if it cannot be told. An article in a language that the pipeline
does not read has no entities and no quotes, and a `language`. Blank lines are passed over.

Objects of other shapes may be read by a reader that is handed in. Their answers have the `text` that it found in them,
for the offsets to count in.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO

from pipeline.control_characters import escaped_in_json
from pipeline.settings import EnrichmentSettings
from pipeline.workers.child import load
from pipeline.workers.ordered import run_in_order
from pipeline.workers.pool import Pool
from pipeline.workers.protocol import Outcome, Result, Work

_ERROR = re.compile(rb'\{"id": (?:null|-?\d+|"(?:[^"\\]|\\.)*"), "error": ')


@dataclass(frozen=True)
class Line:
    """An article in a line: its id, and what a Document has of it."""

    id: str | int
    text: str
    published: datetime | None = None
    language: str | None = None


Reader = Callable[[Mapping[str, Any]], Line | str]
"""Finds the article in an object of any shape; or says in one sentence why there is none. A module's function:
the processes import it by its name."""


@dataclass
class Report:
    """How many lines were answered, and how many of them by an error."""

    answered: int = 0
    failed: int = 0


def run(
    lines: Iterable[bytes | str],
    out: BinaryIO,
    *,
    settings: EnrichmentSettings | None = None,
    processes: int | None = None,
    reader: Reader | None = None,
) -> Report:
    """Answer each line.

    Args:
        lines: JSON lines, an open binary file for one. They are read no faster than they are answered.
        out: where the answers go; it is flushed after each.
        settings: the pipeline, its limits and its number of processes (0: one for each core we may use).
        processes: another number of processes than the settings'.
        reader: reads the objects that are no `{"id", "text", …}`; without it they are errors.

    Raises:
        SettingsError: the pipeline cannot be loaded.
        OSError: `out` cannot be written.
    """
    settings = settings or EnrichmentSettings()
    report = Report()

    def emit(line: bytes, outcome: Outcome) -> None:
        answer = outcome.value if isinstance(outcome, Result) else _lost(line, outcome.reason)
        report.failed += bool(_ERROR.match(answer))
        out.write(answer + b"\n")
        out.flush()

    arguments = {
        "model": settings.model,
        "fast": settings.fast,
        "batch_size": settings.batch_size,
        "max_characters": settings.max_characters,
        "reader": f"{reader.__module__}:{reader.__qualname__}" if reader else None,
    }
    pool = Pool(
        "pipeline.text.jsonl:answerer",
        arguments,
        processes=processes or settings.processes,
        time_limit=settings.time_limit,
        memory_limit=settings.memory_limit,
    )
    report.answered = run_in_order(pool, _bytes(lines), emit, batch_size=settings.batch_size)
    return report


def answerer(*, reader: str | None = None, **arguments: Any) -> Work:
    """The work on a batch of lines: `reader` is named as `module:function`; the other arguments are `Analyser`'s."""
    from pipeline.text.analyser import Analyser, Analysis, AnalysisError, Document  # Slow: for the new process alone.

    analyser = Analyser(**arguments)
    read: Reader | None = load(reader) if reader else None

    def answers(lines: Sequence[bytes]) -> Iterator[Outcome]:
        articles = [_parsed(line, read) for line in lines]
        analyses = analyser.analyse(
            Document(str(article.id), article.text, article.published, article.language)
            for article in articles
            if isinstance(article, Line)
        )
        for article in articles:
            if isinstance(article, _Bad):
                yield _answer({"id": article.id, "error": article.error})
                continue
            analysis = next(analyses)
            if isinstance(analysis, AnalysisError):
                yield _answer({"id": article.id, "error": analysis.error})
            else:
                text = {"text": article.text} if isinstance(article, _OtherShape) else {}
                yield _answer({"id": article.id, **text, **contents(analysis)})

    def contents(analysis: Analysis) -> dict[str, Any]:
        lists: dict[str, Any] = {
            "entities": [entity.model_dump(mode="python") for entity in analysis.entities],
            "quotes": [quote.model_dump(mode="python") for quote in analysis.quotes],
        }
        return lists if analysis.analysed else {**lists, "language": analysis.language}

    return answers


def _bytes(lines: Iterable[bytes | str]) -> Iterator[bytes]:
    for line in lines:
        data = line.encode("utf-8", "surrogatepass") if isinstance(line, str) else line
        if data.strip():
            yield data.rstrip(b"\r\n")


@dataclass(frozen=True)
class _Bad:
    """A line without an article: its id, where that can be told, and why."""

    id: str | int | None
    error: str


class _OtherShape(Line):
    """An article that a reader found in an object of another shape."""


def _parsed(line: bytes, reader: Reader | None = None) -> Line | _Bad:
    try:
        given = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return _Bad(None, f"The line is not UTF-8 text (byte {error.start}).")
    except (ValueError, RecursionError) as error:
        return _Bad(None, f"The line is not JSON: {error}.")
    if not isinstance(given, dict):
        return _Bad(None, 'The line is not a JSON object like {"id": …, "text": …}.')
    article = _of_our_shape(given)
    if isinstance(article, Line) or reader is None:
        return article
    try:
        other = reader(given)
    except Exception as error:  # one line's: the others are answered all the same
        return _Bad(article.id, f"The line cannot be read: unexpected error ({type(error).__name__}: {error}).")
    if isinstance(other, str):
        return _Bad(article.id, other)
    return _OtherShape(other.id if article.id is None else article.id, *(getattr(other, name) for name in _FIELDS))


_FIELDS = ("text", "published", "language")


def _of_our_shape(given: Mapping[str, Any]) -> Line | _Bad:
    identity = given.get("id")
    if isinstance(identity, bool) or not isinstance(identity, str | int):
        return _Bad(None, "The article has no id, a string or a whole number.")
    for name in ("text", "title", "published", "language"):
        if not isinstance(given.get(name), str | (type(None) if name != "text" else str)):
            return _Bad(identity, f"The article's {name} is {'missing' if name not in given else 'not a string'}.")
    try:
        published = _moment(given.get("published"))
    except (ValueError, TypeError, OverflowError):
        return _Bad(
            identity, f"The article's published is no date or time like 2025-03-12T08:00:00Z: {given['published']!r}."
        )
    return Line(identity, given["text"], published, given.get("language"))


def _moment(published: str | None) -> datetime | None:
    if not published or not published.strip():
        return None
    try:
        moment = datetime.fromisoformat(published.strip())
    except ValueError:
        moment = parsedate_to_datetime(published)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _answer(answer: dict[str, Any]) -> Result:
    return Result(b"", _line(answer))


def _line(answer: dict[str, Any]) -> bytes:
    return escaped_in_json(json.dumps(answer, ensure_ascii=False, default=str)).encode()


def _lost(line: bytes, reason: str) -> bytes:
    return _line({"id": _parsed(line).id, "error": f"The article could not be analysed: {reason}"})


if __name__ == "__main__":
    run(sys.stdin.buffer, sys.stdout.buffer, processes=int(sys.argv[1]) if sys.argv[1:] else None)
