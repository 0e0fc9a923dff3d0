"""`whosaid entity …`: finds, shows, explains, merges, splits and names entities: who is who across articles."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer
from rich.table import Table
from rich.text import Text

from pipeline.cli.console import errors, output, print_json, progress, table
from pipeline.cli.groups import Commands
from pipeline.errors import InputError, NotFoundError
from pipeline.settings import load

if TYPE_CHECKING:  # loaded where they are used: the other commands should start at once
    from pipeline.entities.curation import Curator
    from pipeline.entities.lookup import Directory, EntityView
    from pipeline.entities.models import Ruling

group = typer.Typer(
    cls=Commands,
    help="Finds, shows, explains, merges, splits and names entities: who is who across articles.",
    no_args_is_help=True,
)

_ID = typer.Argument(..., metavar="ENTITY", help="Id of an entity, as `search` shows it.")
_BECAUSE = typer.Option("", help="Why, for whoever looks at it later.")
_JSON = typer.Option(False, "--json", help="As JSON.")
_SHOWN = 8


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.add_typer(group, name="entity")


@group.command()
def search(
    name: str = typer.Argument(..., help="A name in any spelling, or an id."),
    kind: str = typer.Option("", help="person, organization, place or group."),
    size: int = typer.Option(10, min=1, max=100, help="How many are shown."),
    as_json: bool = _JSON,
) -> None:
    """Finds entities by name, also where accents, spelling or the order of words differ."""
    from pipeline.entities.models import Kind

    if kind and kind not in list(Kind):
        raise InputError(f"There is no kind {kind!r}; there are {', '.join(Kind)}.")
    with _directory() as directory:
        hits = directory.search(name, kind=Kind(kind) if kind else None, size=size)
    if as_json:
        print_json([hit.model_dump(mode="json") for hit in hits])
        return
    if not hits:
        errors.print(f"No entity is called {name}; `whosaid status` shows whether names are resolved.")
        return
    found = table("id", "kind", "name", "known as", "mentions", "fits", right=("mentions", "fits"))
    for hit in hits:
        known = ", ".join(filter(None, (hit.title, hit.affiliation, hit.country)))
        row = (hit.id, hit.kind.value, hit.name, known, f"{hit.mentions:,}", f"{hit.score:.2f}")
        found.add_row(*map(Text, row))
    output.print(found)


@group.command()
def show(id: str = _ID, as_json: bool = _JSON) -> None:
    """Shows an entity: its names, titles and affiliations over time, its company, and what was decided by hand."""
    with _directory() as directory:
        view = directory.find(id)
    if as_json:
        print_json(view.model_dump(mode="json"))
        return
    facts = Table(show_header=False, box=None, pad_edge=False)
    for name, value in _lines(view):
        facts.add_row(Text(name, style="dim"), Text(value))
    output.print(facts)


@group.command()
def explain(
    article: str = typer.Argument(..., help="Id of an article."),
    name: str = typer.Argument("", help="A name in it; by default all."),
    as_json: bool = _JSON,
) -> None:
    """Explains which entity each name in an article was taken for, with its score and the reasons."""
    from pipeline.entities import names

    with _directory() as directory:
        decision = directory.decision(article)
    links = [link for link in decision.links if not name or names.fold(name) in names.fold(link.name)]
    if not links:
        raise NotFoundError(f"The article {article} does not name {name}; without a name all are shown.")
    if as_json:
        print_json([link.model_dump(mode="json", exclude={"features"}) for link in links])
        return
    for link in links:
        whose = Text(link.entity or "left open", style="green" if link.entity else "yellow")
        output.print(Text.assemble((link.name, "bold"), f" ({link.kind.value})  ", whose, f"  {link.score:+.1f}"))
        if link.government:
            output.print(Text(f"    speaks for the government of {link.government}"))
        for reason in link.why:
            output.print(Text(f"    {reason}"), soft_wrap=True)


@group.command()
def merge(
    id: str = _ID,
    into: str = typer.Argument(..., help="Id of the entity that it is the same as, whose id is kept."),
    because: str = _BECAUSE,
) -> None:
    """Makes an entity the same as another: its quotes are found with that one's. `undo` parts them again."""
    with _curator() as curator:
        _tell(curator.merge(id, into, because), f"{id} is {into} from now on")


@group.command()
def split(
    id: str = _ID,
    articles: list[str] = typer.Argument(..., metavar="ARTICLE...", help="Ids of the articles that mean another."),
    into: str = typer.Option("", help="Id of the entity that they mean; by default a new one."),
    because: str = _BECAUSE,
) -> None:
    """Says that some articles mean somebody else of that name."""
    with _curator() as curator:
        ruling = curator.split(id, articles, into, because)
    _tell(ruling, f"{len(ruling.articles):,} articles mean {ruling.other} from now on")


@group.command()
def rename(id: str = _ID, name: str = typer.Argument(..., help="The preferred name.")) -> None:
    """Makes a name the preferred one of an entity."""
    with _curator() as curator:
        _tell(curator.rename(id, name), f"{id} is called {name} from now on")


@group.command()
def alias(id: str = _ID, name: str = typer.Argument(..., help="Another name of it.")) -> None:
    """Gives an entity another name, by which it is found too."""
    with _curator() as curator:
        _tell(curator.alias(id, name), f"{id} is found as {name}, too")


@group.command()
def undo(ruling: str = typer.Argument(..., help="Id of what was decided by hand, as `show` has it.")) -> None:
    """Undoes a merge, a split, a name or an alias."""
    with _curator() as curator:
        curator.undo(ruling)
    output.print(f"{ruling} holds no more.")


@group.command()
def rebuild() -> None:
    """Deletes the store of entities and makes it again from the topic. Stop `whosaid resolve` first."""
    from pipeline.entities import curation

    with progress("Reading") as show_progress:
        done = curation.rebuild(load(), show_progress)
    output.print(
        f"{done.entities:,} entities from {done.articles:,} articles, {done.rulings:,} rulings and {done.known:,} "
        "entries of knowledge bases." + (f" {done.unreadable:,} events could not be read." if done.unreadable else "")
    )


@contextmanager
def _directory() -> "Iterator[Directory]":
    from pipeline import elasticsearch_client
    from pipeline.entities.lookup import Directory

    settings = load()
    with elasticsearch_client.connect(settings) as client:
        yield Directory(client, settings)


@contextmanager
def _curator() -> "Iterator[Curator]":
    from pipeline import elasticsearch_client
    from pipeline.entities.curation import Curator
    from pipeline.entities.log import EntityLog

    settings = load()
    events = EntityLog(settings)
    try:
        with elasticsearch_client.connect(settings) as client:
            yield Curator(client, settings, events, _user())
    finally:
        events.close()


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a name for the user
        return ""


def _tell(ruling: "Ruling", sentence: str) -> None:
    output.print(Text(f"{sentence}; `whosaid entity undo {ruling.id}` undoes it."), soft_wrap=True)


def _lines(view: "EntityView") -> Iterator[tuple[str, str]]:
    yield "entity", f"{view.id} ({view.kind.value})"
    yield "name", view.name
    if view.merged:
        yield "also", ", ".join(view.merged)
    if view.country:
        yield "country", view.country
    yield (
        "seen",
        f"in {view.articles:,} articles" + (f", {view.first_seen} to {view.last_seen}" if view.last_seen else ""),
    )
    for label, dated in (("title", view.titles), ("affiliation", view.affiliations)):
        for one in dated[-_SHOWN:]:
            yield label, one.name + (f" ({one.first} to {one.last})" if one.first else "")
    for variant in view.variants[: 2 * _SHOWN]:
        yield "called", f"{variant.name} ({variant.articles:,})"
    for name in view.aliases[:_SHOWN]:
        yield "also called", name
    for companion in view.company[:_SHOWN]:
        yield "beside", f"{companion.name} ({companion.articles:,}, {companion.id})"
    for link in view.links:
        yield "link", link
    for ruling in view.rulings:
        what = ruling.other or ruling.name
        state = " (undone)" if ruling.undone else ""
        why = f": {ruling.because}" if ruling.because else ""
        yield (
            "by itself" if ruling.automatic else "by hand",
            f"{ruling.id} {ruling.action} {ruling.entity} {what}{state}{why}",
        )
