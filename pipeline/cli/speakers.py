"""`whosaid speakers`: who is quoted most; of one speaker how much, when, how, where, about whom, beside whom."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer
from rich.table import Table
from rich.text import Text

from pipeline.cli.console import counted, output, print_json
from pipeline.cli.searching import make_query, open_reader, parameters, with_search
from pipeline.cli.trends import print_trends, sparkline
from pipeline.settings import load

if TYPE_CHECKING:  # loaded where they are used: the other commands should start at once
    from pipeline.search.results import Histogram, Named, SpeakerProfile


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    @with_search
    def speakers(
        given: dict[str, Any],
        name: str = typer.Argument("", help="Id, or words of a name; without, who is quoted most."),
        words: str = typer.Option("", help="Only quotes with these words."),
        size: int = typer.Option(20, min=1, max=100, help="Speakers to show."),
        as_json: bool = typer.Option(False, "--json", help="As JSON."),
    ) -> None:
        """Shows who is quoted most; or of one speaker how much, when, how, where, about whom, beside whom."""
        settings = load()
        query = make_query(q=words, **given)
        with open_reader(settings) as reader:
            from pipeline.search import analyses

            if name:
                profile = analyses.speaker(reader, name, query)
                print_json(profile.model_dump(mode="json")) if as_json else _print_profile(profile)
                return
            wanted = parameters(analyses.TrendParameters, q=words, by="speakers", interval="week", size=min(size, 30))
            wanted = wanted.model_copy(update=query.model_dump(include=set(given)))
            found = analyses.trends(reader, wanted)  # type: ignore[arg-type]
        print_trends(found, as_json=as_json)


def _print_profile(profile: "SpeakerProfile") -> None:
    output.print(Text(profile.name, style="bold"), Text(f"  {profile.id}", style="dim"))
    when = f", {profile.first:%Y-%m-%d} to {profile.last:%Y-%m-%d}" if profile.first and profile.last else ""
    output.print(f"{counted(profile.total, 'quote')} in {counted(profile.articles, 'article')}{when}")
    output.print(_bars(profile.histogram))
    lines: list[tuple[str, Sequence[Named]]] = [
        ("role", profile.titles),
        ("speaks for", profile.affiliations),
        ("says about", profile.entities),
        ("said to", profile.addressees),
        ("in", profile.sources),
        ("words", profile.cues),
        ("where", profile.media),
        ("beside", profile.beside),
    ]
    table = Table(show_header=False, box=None, pad_edge=False)
    if len(profile.names) > 1:
        table.add_row(Text("also written", style="dim"), ", ".join(profile.names[1:]))
    for title, values in lines:
        if values:
            table.add_row(Text(title, style="dim"), ", ".join(f"{value.name} ({value.count:,})" for value in values))
    output.print(table)


def _bars(histogram: "Histogram") -> str:
    if not histogram.bars:
        return ""
    line = sparkline([bar.count for bar in histogram.bars], max(10, min(60, output.width - 36)))
    return f"{histogram.bars[0].start} {line} {histogram.bars[-1].start}, by {histogram.interval}"
