"""`whosaid dlq …`: lists, shows, replays and discards dead letters."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import typer
from rich.table import Table
from rich.text import Text

from pipeline.cli.console import counted, moment, output, print_json, progress, table
from pipeline.cli.groups import Commands
from pipeline.errors import InputError, NotFoundError, SourceError
from pipeline.models import Stage
from pipeline.settings import Settings, load

if TYPE_CHECKING:  # loaded where they are used: the other commands should start at once
    from pipeline.dead_letters.log import Filter, Letter, Letters, ScanProgress, Statistics
    from pipeline.dead_letters.outcome import LetterOutcome
    from pipeline.dead_letters.replay import ReplayResult

group = typer.Typer(
    cls=Commands, help="Lists, shows, replays and discards dead letters: what failed, and why.", no_args_is_help=True
)

_IDS = typer.Argument(None, metavar="[ID]...", help="Ids of letters (2-117) or of articles.")
_STAGE = typer.Option([], "--stage", help="connect, enrich or sink: where it failed; may be repeated.")
_ERROR = typer.Option([], "--error", help="Class of the error, as `stats` shows it; may be repeated.")
_SINCE = typer.Option(None, help="Failed at this time or later (2025-03-12, or 2025-03-12T08:30; UTC).")
_UNTIL = typer.Option(None, help="Failed before this time.")
_EVERY = typer.Option(False, "--every", help="All that wait, without any condition.")
_JSON = typer.Option(False, "--json", help="As JSON, one letter a line.")
_EXIT_FAILURES = SourceError.exit_code
_STYLES = {"searchable": "green", "dead again": "red", "still on its way": "yellow"}


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.add_typer(group, name="dlq")


@group.command("list")
def list_(
    ids: list[str] = _IDS,
    stage: list[str] = _STAGE,
    error: list[str] = _ERROR,
    since: str = _SINCE,
    until: str = _UNTIL,
    handled: bool = typer.Option(False, "--handled", help="Also those that were replayed or discarded."),
    limit: int = typer.Option(100, min=0, help="How many are shown; 0: all."),
    as_json: bool = _JSON,
) -> None:
    """Lists the letters that wait, oldest of each partition first."""
    from pipeline.dead_letters.log import Letters

    which = _filter(ids, stage, error, since, until, handled=handled)
    shown: list[Letter] = []
    more = 0
    with Letters(load()) as letters, _reading() as reading:
        for letter in letters.scan(which, reading):
            if limit and len(shown) >= limit:
                more += 1
            else:
                shown.append(letter)
    if as_json:
        for letter in shown:
            print_json(_fields(letter), indent=None)
        return
    lines = table("letter", "why it failed")
    for letter in shown:
        content = letter.content
        reason = Text(content.reason)
        if letter.mark:
            reason.append(f"  [{letter.mark.how} {_time(letter.mark.at)}]", style="dim")
        tries = counted(content.attempts, "try", "tries")
        about = (content.stage.value, content.error, letter.key, _time(content.last_failed), tries)
        reason.append(f"\n{' · '.join(filter(None, about))}", style="dim")
        lines.add_row(Text(letter.id), reason)
    if shown:
        output.print(lines)
    count = len(shown) + more
    what = f"{count:,} dead {'letter' if count == 1 else 'letters'}" + ("" if handled else " waiting")
    output.print(what + (f", {len(shown):,} of them shown." if more else "."))


@group.command()
def show(
    id: str = typer.Argument(..., metavar="ID", help="Id of a letter (2-117), or of an article: its letters."),
    as_json: bool = _JSON,
    raw: bool = typer.Option(False, "--raw", help="The event's bytes alone, as they came."),
) -> None:
    """Shows a letter in full: why it failed, where it came from, its headers and its bytes."""
    from pipeline.dead_letters.log import Filter, Letters

    with Letters(load()) as letters, _reading() as reading:
        shown_letters = list(letters.scan(Filter(ids=[id], handled=True), reading))
    if not shown_letters:
        raise NotFoundError(f"There is no dead letter {id}; `whosaid dlq list --handled` shows all there are.")
    for letter in shown_letters:
        content = letter.content
        value = (content.value or b"").decode("utf-8", "backslashreplace")
        if raw and not output.is_terminal:  # which would obey what is in them
            typer.echo(content.value or b"", nl=False)
        elif as_json:
            print_json(_fields(letter) | {"value": value}, indent=None)
        else:
            facts = Table(show_header=False, box=None, pad_edge=False)
            for name, field in _fields(letter).items():
                if field not in (None, {}):
                    shown = field if isinstance(field, str) else json.dumps(field, ensure_ascii=False)
                    facts.add_row(Text(name, style="dim"), Text(shown))
            if not raw:
                output.print(facts)
            output.print(Text(value if raw else f"\n{value}"), soft_wrap=True)


@group.command()
def stats(as_json: bool = typer.Option(False, "--json", help="As JSON.")) -> None:
    """Counts the letters that wait, were replayed or were discarded, by stage and class of error."""
    from pipeline.dead_letters.log import Filter, Letters, Statistics

    counts: dict[tuple[str, str], Statistics] = defaultdict(Statistics)
    with Letters(load()) as letters, _reading() as reading:
        for letter in letters.scan(Filter(handled=True), reading):
            counts[letter.content.stage.value, letter.content.error].count(letter)
    ordered = sorted(counts.items(), key=lambda item: (-item[1].waiting, item[0]))
    if as_json:
        rows = [{"stage": stage, "error": error} | _statistics(statistics) for (stage, error), statistics in ordered]
        typer.echo(json.dumps({"letters": rows, "strange": reading.strange}, indent=1))
        return
    numbers_of = ("waiting", "replayed", "discarded", "tries")
    lines = table("what failed", *numbers_of, right=numbers_of)
    for (stage, error), statistics in ordered:
        numbers = (f"{statistics.waiting:,}", f"{statistics.replayed:,}", f"{statistics.discarded:,}")
        tries = str(statistics.attempts or "")
        what = Text(f"{stage} · {error}")
        if statistics.oldest:
            what.append(f"\nsince {_time(statistics.oldest)}", style="dim")
        lines.add_row(what, *numbers, tries)
    if ordered:
        output.print(lines)
    waiting = sum(statistics.waiting for statistics in counts.values())
    total = sum(map(_total, counts.values()))
    output.print(f"{waiting:,} waiting of {counted(total, 'dead letter')}.")
    if reading.strange:
        output.print(f"On the topic, {counted(reading.strange, 'record')} cannot be read as dead letters.")


@group.command()
def replay(
    ids: list[str] = _IDS,
    stage: list[str] = _STAGE,
    error: list[str] = _ERROR,
    since: str = _SINCE,
    until: str = _UNTIL,
    every: bool = _EVERY,
    handled: bool = typer.Option(False, "--handled", help="Also those that were replayed or discarded before."),
    wait: bool = typer.Option(True, help="Wait, and say what became of each."),
    timeout: float = typer.Option(60, min=0, help="Seconds to wait."),
    as_json: bool = _JSON,
) -> None:
    """Replays letters: sends their events again, unchanged, to where they came from. Exit code 6: some failed again."""
    from pipeline.dead_letters.log import Letters
    from pipeline.dead_letters.replay import Replayer

    settings = load()
    which = _chosen(ids, stage, error, since, until, every, handled)
    with Letters(settings) as letters:
        with _reading("Replaying") as reading:
            results = list(Replayer(settings, letters).replay(which, reading))
        endings = _follow(settings, letters, results, timeout if wait else 0)
    sent = [result for result in results if result.mark]
    problems = [result for result in results if result.problem]
    if as_json:
        for ending in endings:
            typer.echo(json.dumps(_ending(ending)))
        for result in problems:
            typer.echo(json.dumps({"id": result.letter.id, "article": result.letter.key, "fate": "not sent",
                                   "reason": result.problem}))  # fmt: skip
    else:
        for ending in endings:
            again = f": {ending.again.content.reason} (now {ending.again.id})" if ending.again else ""
            line = Text(f"{ending.letter.id}  {ending.letter.key}  ")
            line.append(ending.outcome.value, style=_STYLES.get(ending.outcome.value, "")).append(again)
            output.print(line, soft_wrap=True)
        for result in problems:
            output.print(Text(f"{result.letter.id}  {result.letter.key}  not sent: {result.problem}"), soft_wrap=True)
        fates = Counter(ending.outcome.value for ending in endings)
        told = "; ".join(f"{count:,} {fate}" for fate, count in sorted(fates.items()))
        output.print(f"{len(sent):,} replayed" + (f": {told}." if told else "."))
    if problems or any(ending.outcome.value in ("dead again", "not found") for ending in endings):
        raise typer.Exit(_EXIT_FAILURES)


@group.command()
def discard(
    ids: list[str] = _IDS,
    stage: list[str] = _STAGE,
    error: list[str] = _ERROR,
    since: str = _SINCE,
    until: str = _UNTIL,
    every: bool = _EVERY,
    because: str = typer.Option(None, help="Why, for whoever looks at it later."),
) -> None:
    """Marks letters as done with. They stay on the topic, and `list --handled` still shows them."""
    from pipeline.dead_letters.log import Letters

    which = _chosen(ids, stage, error, since, until, every, handled=False)
    discarded = 0
    with Letters(load()) as letters, _reading("Discarding") as reading:
        for letter in letters.scan(which, reading):
            letters.discard(letter, because)
            discarded += 1
    output.print(f"{discarded:,} discarded.")


def _chosen(
    ids: list[str] | None, stage: list[str], error: list[str], since: str, until: str, every: bool, handled: bool
) -> "Filter":
    if not (ids or stage or error or since or until or every):
        raise InputError("Say which letters: by id, --stage, --error, --since or --until; --every means all that wait.")
    return _filter(ids, stage, error, since, until, handled=handled)


def _filter(
    ids: list[str] | None, stage: list[str], error: list[str], since: str, until: str, *, handled: bool
) -> "Filter":
    from pipeline.dead_letters.log import Filter

    known = [known_stage.value for known_stage in Stage]
    for name in stage:
        if name not in known:
            raise InputError(f"There is no stage {name!r}; there are {', '.join(known)}.")
    return Filter(
        stages=[Stage(name) for name in stage],
        errors=error,
        since=moment(since, "--since"),
        until=moment(until, "--until"),
        ids=ids or (),
        handled=handled,
    )


def _follow(
    settings: Settings, letters: "Letters", results: "list[ReplayResult]", timeout: float
) -> "list[LetterOutcome]":
    from pipeline.dead_letters.outcome import ReplayOutcome, follow

    sent = sum(result.mark is not None for result in results)
    if not sent:
        return []
    with progress("Waiting", sent) as show_progress:
        return follow(
            settings,
            letters,
            results,
            timeout,
            lambda fates: show_progress(sent - fates[ReplayOutcome.ON_ITS_WAY], sent),
        )


@contextmanager
def _reading(what: str = "Reading") -> "Iterator[ScanProgress]":
    """A scan whose way through the topic is shown."""
    from pipeline.dead_letters.log import ScanProgress

    with progress(what) as show_progress:
        yield ScanProgress(show_progress)


def _fields(letter: "Letter") -> dict[str, object]:
    content = letter.content
    fields: dict[str, object] = {"id": letter.id, "article": letter.key}
    fields |= content.model_dump(mode="json", exclude={"key", "value", "headers", "null_headers"}, exclude_none=True)
    headers = {
        name: None if at in content.null_headers else value.decode("utf-8", "backslashreplace")
        for at, (name, value) in enumerate(content.headers)
    }
    mark = letter.mark.model_dump(mode="json", exclude_none=True) if letter.mark else None
    return fields | {"bytes": len(content.value or b""), "headers": headers, "handled": mark}


def _ending(ending: "LetterOutcome") -> dict[str, object]:
    fields: dict[str, object] = {"id": ending.letter.id, "article": ending.letter.key, "fate": ending.outcome.value}
    if ending.again:
        content = ending.again.content
        fields |= {"again": ending.again.id, "reason": content.reason, "attempts": content.attempts}
    return fields


def _statistics(statistics: "Statistics") -> dict[str, object]:
    times = {"oldest": statistics.oldest, "newest": statistics.newest}
    return {
        "waiting": statistics.waiting,
        "replayed": statistics.replayed,
        "discarded": statistics.discarded,
        "attempts": statistics.attempts,
    } | {name: when.isoformat() if when else None for name, when in times.items()}


def _total(statistics: "Statistics") -> int:
    return statistics.waiting + statistics.replayed + statistics.discarded


def _time(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M:%S}"
