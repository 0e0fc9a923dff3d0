"""`whosaid search`: searches quotes, and prints them as a table, JSON, JSON lines or CSV."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import typer
from pydantic import ValidationError

from pipeline.cli.console import Row, errors, output, print_json, print_lines, quotes_table
from pipeline.control_characters import escaped_in_json
from pipeline.errors import InputError, validation_message
from pipeline.models import Modality, QuoteType
from pipeline.settings import load

if TYPE_CHECKING:  # loaded where they are used: the other commands should start at once
    from pipeline.search.queries import QuoteQuery
    from pipeline.search.results import QuoteHit, QuotePage

_PLACES = ("quote", "paragraph", "headline")
_SORTS = ("newest", "oldest", "relevance")


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def search(
        words: str = typer.Argument(
            "",
            help='Words that were said; "a phrase"; tax OR levy; -without; negotiat*; zelensky~ (other spellings); '
            '"tax climate"~5 (near each other).',
        ),
        within: list[str] = typer.Option([], "--in", help="Where the words are: quote, paragraph, headline."),
        speaker: list[str] = typer.Option([], help="Name, part of it, or id of the speaker. May be repeated, as most."),
        entity: list[str] = typer.Option([], help="Person, organisation or place that the quote names."),
        type_: list[QuoteType] = typer.Option([], "--type", help="How it was reported."),
        since: str = typer.Option(None, help="Published then or later: 2025-03-12, 7d, 24h, 3m, today."),
        until: str = typer.Option(None, help="Published then or earlier, in the same forms."),
        source: list[str] = typer.Option([], help="Name, id or domain of the source."),
        article: list[str] = typer.Option([], help="Id of the article."),
        modality: list[Modality] = typer.Option([], help="Whether it was said, not said, or might be said."),
        addressee: list[str] = typer.Option([], help="Whom it was said to."),
        cue: list[str] = typer.Option([], help="The verb or phrase that reports it: say, warn, according to."),
        medium: list[str] = typer.Option([], help="Where or by what it was said."),
        language: list[str] = typer.Option([], help="Language of the article: en."),
        confidence: float = typer.Option(None, min=0, max=1, help="How sure the engine is at the least."),
        confidence_max: float = typer.Option(None, min=0, max=1, help="How sure the engine is at the most."),
        copies: bool = typer.Option(False, "--copies", help="Also what copies of an article repeat."),
        sort: str = typer.Option(None, help="newest, oldest or relevance."),
        page: int = typer.Option(1, min=1, help="Page of the results."),
        size: int = typer.Option(20, min=1, max=100, help="Quotes to show."),
        everything: bool = typer.Option(False, "--all", help="All quotes found, however many; for --csv and --jsonl."),
        as_json: bool = typer.Option(False, "--json", help="A page as JSON, with facets and the next cursor."),
        as_jsonl: bool = typer.Option(False, "--jsonl", help="A line of JSON for each quote."),
        as_csv: bool = typer.Option(False, "--csv", help="As CSV, for spreadsheets and pandas."),
    ) -> None:
        """Searches quotes by their words, speaker, type, time, source and more."""
        settings = load()
        if sum((as_json, as_jsonl, as_csv)) > 1:
            raise InputError("Choose one of --json, --jsonl and --csv.")
        if everything and as_json:
            raise InputError("--json is one page; for all quotes take --all with --jsonl or --csv.")
        query = make_query(
            q=words, within=within, speaker=speaker, entity=entity, type=type_, since=since, until=until,
            source=source, article=article, modality=modality, addressee=addressee, cue=cue, medium=medium,
            language=language, confidence=confidence, confidence_max=confidence_max, copies=copies, sort=sort,
            page=page, size=size,
        )  # fmt: skip
        from pipeline.search import export
        from pipeline.search.reader import Reader

        with Reader(settings) as reader:
            if everything:
                hits: Iterable[QuoteHit] = reader.each_quote(query)
            else:
                found = reader.search_quotes(query, facets=as_json)
                hits = found.hits
            if as_json:
                print_json(found.model_dump(mode="json"))
            elif as_csv:
                print_lines(export.csv_pieces(hits))
            elif as_jsonl:
                print_lines(map(escaped_in_json, export.jsonl_pieces(hits)))
            elif everything:
                for hit in hits:
                    output.print(quotes_table([_row(hit)]))
            else:
                _print_page(found)


def make_query(**given: Any) -> "QuoteQuery":
    """The query of these parameters; those that are None or empty do not restrict.

    Raises:
        InputError: one is wrong; the sentence names it.
    """
    from pipeline.search.queries import QuoteQuery

    try:
        return QuoteQuery.model_validate({name: value for name, value in given.items() if value not in (None, [], "")})
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        names = [str(part) for part in problem["loc"] if isinstance(part, str)]
        option = {"within": "--in", "q": "the words"}.get(names[0], f"--{names[0].replace('_', '-')}") if names else ""
        message = validation_message(problem)
        sentence = f"{option}: {message[:1].lower()}{message[1:]}" if option else message
        raise InputError(f"{sentence.rstrip('.')}.") from None


def _print_page(page: "QuotePage") -> None:
    if page.reason:
        errors.print(f"There may be more quotes than these. {page.reason}", markup=False, soft_wrap=True)
    if not page.hits:
        better = "".join(f" Did you mean {one.better}?" for one in page.suggestions)
        errors.print(
            f"No quotes match; try fewer words.{better} `whosaid status` shows how many quotes there are.",
            markup=False, soft_wrap=True,
        )  # fmt: skip
        return
    output.print(quotes_table(map(_row, page.hits)))
    if page.total > len(page.hits):
        errors.print(f"{page.total:,} quotes in all; --size or --page shows more, --all --csv all of them.")


def _row(hit: "QuoteHit") -> Row:
    on = hit.said_on.isoformat() if hit.said_on else hit.date_mention
    detail = ", ".join(filter(None, (hit.addressee and f"to {hit.addressee}", hit.medium, on)))
    published = f"{hit.published:%Y-%m-%d} " if hit.published else ""
    where = f"{published}{hit.source.name} · {hit.article_id}"
    return Row(hit.speaker.name if hit.speaker else None, hit.said, hit.type.value, detail, where)
