"""`whosaid article …`: shows an article with its quotes marked, takes articles down, and restores them."""

import getpass
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from pipeline.cli.console import errors, marked, output, print_json, progress, quotes_table, row, table
from pipeline.cli.groups import Commands
from pipeline.cli.searching import open_reader
from pipeline.errors import InputError
from pipeline.settings import load

if TYPE_CHECKING:  # loaded where they are used: the other commands should start at once
    from pipeline.takedown import SelectedArticle, TakedownReport
    from pipeline.tombstones import Tombstone

_SHOWN = 10


class _Articles(Commands):
    """Takes `article ID` for `article show ID`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts the command in front where there is none."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["show", *args]
        return super().parse_args(ctx, args)


group = typer.Typer(cls=_Articles, help="Shows an article, takes articles down, restores them.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.add_typer(group, name="article")


@group.command()
def show(
    id: str = typer.Argument(..., metavar="ID", help="The article's id, as `whosaid search` shows it."),
    as_json: bool = typer.Option(False, "--json", help="The article, its entities and quotes as JSON."),
) -> None:
    """Prints an article with its quotes marked, each in its speaker's colour. `whosaid article ID` does it, too."""
    with open_reader(load()) as reader:
        view = reader.article(id)
    if as_json:
        print_json(view.model_dump(mode="json"))
        return
    published = f"{view.published:%Y-%m-%d %H:%M} UTC" if view.published else "undated"
    output.print(Text(view.headline or view.url, style="bold"))
    output.print(Text(f"{view.source.name}, {published}\n{view.url}\n", style="dim"))
    output.print(marked(view.body, view.quotes))
    if view.quotes:
        output.print()
        output.print(quotes_table(row(quote) for quote in view.quotes))


@group.command()
def delete(
    ids: list[str] = typer.Argument(None, metavar="[ID]...", help="Ids of articles, as `whosaid search` shows them."),
    url: list[str] = typer.Option([], "--url", help="Address of an article; may be repeated."),
    source: str = typer.Option(None, "--source", help="Id of a source: all its articles that are there now."),
    because: str = typer.Option(..., "--because", help="Why: for whoever asks later."),
    by: str = typer.Option(None, "--by", help="Who decided it; by default the name of who runs this."),
    copies: bool = typer.Option(False, "--copies", help="Also the syndicated copies of these articles."),
    and_future: bool = typer.Option(False, "--and-future", help="With --source: also all that comes of it later."),
    ahead: bool = typer.Option(False, "--ahead", help="Also articles that are not there yet: they are kept out."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask first."),
    as_json: bool = typer.Option(False, "--json", help="What was done, as JSON."),
) -> None:
    """Takes articles down: removes them with their quotes, and keeps them out when they come again."""
    from pipeline import takedown

    if not because.strip():
        raise InputError("--because must say why.")
    if and_future and source is None:
        raise InputError("--and-future goes with --source.")
    settings = load()
    selection = takedown.Selection(ids or (), url, source, copies=copies, ahead=ahead)
    found = takedown.find(settings, selection)
    if not found and not and_future:
        raise InputError(f"The source {source} has no article here; --and-future keeps out what comes of it.")
    if not yes:
        _confirm(found, source if and_future else None)
    with progress("Removing", len(found)) as show_progress:
        report = takedown.take_down(
            settings, found, because=because, by=by or _user(), source=source if and_future else None,
            progress=lambda step, done, total: show_progress(done, total),
        )  # fmt: skip
    if as_json:
        print_json(_as_json(report))
    else:
        _tell(report)


@group.command()
def deleted(
    source: str = typer.Option(None, "--source", help="Only of this source."),
    as_json: bool = typer.Option(False, "--json", help="As JSON, one a line."),
) -> None:
    """Lists what is taken down: which articles, when, by whom and why."""
    from pipeline import takedown

    tombstones = takedown.listed(load(), source)
    if as_json:
        for tombstone in tombstones:
            print_json(tombstone.model_dump(mode="json"), indent=None)
        return
    gone = table("taken down", "by", "quotes", "article", "because", right=("quotes",))
    for tombstone in tombstones:
        what = f"{tombstone.id}\n{tombstone.url}"
        if tombstone.kind != "article":
            what = f"all of the source {tombstone.id}, from now on"
        cells = (f"{tombstone.at:%Y-%m-%d %H:%M}", tombstone.by, f"{tombstone.quotes:,}", what, tombstone.because)
        gone.add_row(*map(Text, cells))
    if tombstones:
        output.print(gone)
    articles = sum(tombstone.kind == "article" for tombstone in tombstones)
    output.print(f"{_count(articles, 'article')} {'is' if articles == 1 else 'are'} taken down.")


@group.command()
def restore(
    ids: list[str] = typer.Argument(None, metavar="[ID]...", help="Ids of articles that are taken down."),
    source: str = typer.Option(None, "--source", help="Id of a source: it and all of its articles."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask first."),
    as_json: bool = typer.Option(False, "--json", help="What was done, as JSON."),
) -> None:
    """Lets articles come again, and publishes them anew where the topic still has them."""
    from pipeline import takedown
    from pipeline.republish import retained

    if not ids and source is None:
        raise InputError("Say which articles: by id, or --source.")
    settings = load()
    tombstones = takedown.restorable(settings, ids or (), source)
    articles = [tombstone for tombstone in tombstones if tombstone.kind == "article"]
    if not yes:
        _ask(f"Bring {_count(len(articles), 'article')} back?")
    takedown.lift(settings, tombstones)
    since = min((tombstone.fetched for tombstone in articles if tombstone.fetched), default=None)
    with progress("Looking for them on the topic") as show_progress:
        back = retained.publish_again(
            settings,
            {tombstone.id for tombstone in articles},
            since=since if all(tombstone.fetched for tombstone in articles) else None,
            progress=show_progress,
        )
    gone = [tombstone for tombstone in articles if tombstone.id not in back]
    if as_json:
        fields = {"restored": [tombstone.id for tombstone in articles], "published_again": sorted(back),
                  "not_retained": [{"id": tombstone.id, "url": tombstone.url} for tombstone in gone]}  # fmt: skip
        print_json(fields)
        return
    output.print(f"{_count(len(articles), 'article')} may come again; {len(back):,} on the way, from the topic.")
    _tell_gone(gone)


def _tell_gone(gone: "Sequence[Tombstone]") -> None:
    if gone:
        output.print(f"The topic no longer has {_count(len(gone), 'article')}; read them again:", soft_wrap=True)
    for tombstone in gone[:_SHOWN]:
        output.print(Text(f"  whosaid ingest {tombstone.url or '…'}   # {tombstone.id}"), soft_wrap=True)
    if len(gone) > _SHOWN:
        output.print(f"  … and {len(gone) - _SHOWN:,} more; --json has all of them.")


def _confirm(found: "Sequence[SelectedArticle]", source: str | None) -> None:
    quotes = sum(article.quotes for article in found)
    for article in found[:_SHOWN]:
        errors.print(Text(f"  {article.id}  {article.url}"), soft_wrap=True)
    if len(found) > _SHOWN:
        errors.print(f"  … and {len(found) - _SHOWN:,} more")
    future = f", and keep out all that comes of {source}" if source else ""
    what = f"{_count(len(found), 'article')} with {_count(quotes, 'quote')}"
    _ask(f"Take down {what}{future}?")


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise InputError(f"{question} There is no terminal to answer on; --yes answers.")
    typer.confirm(question, abort=True, err=True)


def _tell(report: "TakedownReport") -> None:
    removed = report.removed
    already = f", {len(report.already):,} of them before" if report.already else ""
    output.print(
        f"{_count(len(report.articles), 'article')} taken down{already}: removed "
        f"{_count(removed.articles, 'article')} and {_count(removed.quotes, 'quote')}.",
        soft_wrap=True,
    )
    if report.source:
        output.print(Text(f"Nothing more of the source {report.source} is taken."))
    if report.copies_kept:
        output.print(
            f"{report.copies_kept:,} copies of them stay, and count for themselves now; --copies takes them, too."
        )
    for version in report.held_by:
        output.print(
            f"{version} of the indices, which was replaced and is not searched, still holds some of them: "
            "`whosaid reindex --forget` deletes it.",
            soft_wrap=True,
        )
    output.print("The topics hold their events until their retention is over. `whosaid article restore ID` undoes it.")


def _as_json(report: "TakedownReport") -> dict[str, object]:
    return {
        "articles": [
            {"id": article.id, "url": article.url, "quotes": article.quotes, "already": article.id in report.already}
            for article in report.articles
        ],
        "source": report.source,
        "removed": {"articles": report.removed.articles, "quotes": report.removed.quotes},
        "copies_kept": report.copies_kept,
        "held_by": report.held_by,
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
