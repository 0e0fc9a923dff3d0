"""Defines the options of a search, which several commands share, and the query that they make."""

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer
from pydantic import ValidationError

from pipeline.errors import InputError, validation_message
from pipeline.models import Modality, QuoteType
from pipeline.settings import Settings

if TYPE_CHECKING:  # loaded where it is used: the other commands should start at once
    from pipeline.search.parameters import Parameters, QuoteQuery
    from pipeline.search.reader import Reader

WORDS = typer.Argument(
    "",
    help='Words that were said; "a phrase"; tax OR levy; -without; negotiat*; zelensky~ (other spellings); '
    '"tax climate"~5 (near each other).',
)
_OPTIONS: dict[str, tuple[Any, Any]] = {
    "within": (list[str], typer.Option([], "--in", help="Where the words are: quote, paragraph, headline.")),
    "speaker": (list[str], typer.Option([], help="Name, part of it, or id of the speaker. May be repeated, as most.")),
    "entity": (list[str], typer.Option([], help="Person, organisation or place that the quote names.")),
    "type": (list[QuoteType], typer.Option([], help="How it was reported.")),
    "since": (str, typer.Option(None, help="Published then or later: 2025-03-12, 7d, 24h, 3m, today.")),
    "until": (str, typer.Option(None, help="Published then or earlier, in the same forms.")),
    "source": (list[str], typer.Option([], help="Name, id or domain of the source.")),
    "article": (list[str], typer.Option([], help="Id of the article.")),
    "modality": (list[Modality], typer.Option([], help="Whether it was said, not said, or might be said.")),
    "addressee": (list[str], typer.Option([], help="Whom it was said to.")),
    "cue": (list[str], typer.Option([], help="The verb or phrase that reports it: say, warn, according to.")),
    "medium": (list[str], typer.Option([], help="Where or by what it was said.")),
    "language": (list[str], typer.Option([], help="Language of the article: en.")),
    "confidence": (float, typer.Option(None, min=0, max=1, help="How sure the engine is at the least.")),
    "confidence_max": (float, typer.Option(None, min=0, max=1, help="How sure the engine is at the most.")),
    "copies": (bool, typer.Option(False, "--copies", help="Also what copies of an article repeat.")),
}


def with_search(function: Callable[..., None]) -> Callable[..., None]:
    """A command with the options of a search before its own; it gets their values as the dictionary `given`."""
    own = [parameter for name, parameter in inspect.signature(function).parameters.items() if name != "given"]
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=option, annotation=kind)
        for name, (kind, option) in _OPTIONS.items()
    ]

    @functools.wraps(function)
    def command(**values: Any) -> None:
        given = {name: values.pop(name) for name in _OPTIONS}
        function(given=given, **values)

    parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    command.__signature__ = inspect.Signature([*parameters, *shared])  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in [*parameters, *shared]}
    return command


def make_query(**given: Any) -> "QuoteQuery":
    """The query of these parameters; those that are None or empty do not restrict.

    Raises:
        InputError: one is wrong; the sentence names it.
    """
    from pipeline.search.parameters import QuoteQuery

    return parameters(QuoteQuery, **given)  # type: ignore[return-value]


def parameters(kind: "type[Parameters]", **given: Any) -> "Parameters":
    """The parameters of a kind, of what was given on the command line.

    Raises:
        InputError: one is wrong; the sentence names it.
    """
    try:
        return kind.model_validate({name: value for name, value in given.items() if value not in (None, [], "")})
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        names = [str(part) for part in problem["loc"] if isinstance(part, str)]
        option = {"within": "--in", "q": "the words"}.get(names[0], f"--{names[0].replace('_', '-')}") if names else ""
        message = validation_message(problem)
        sentence = f"{option}: {message[:1].lower()}{message[1:]}" if option else message
        raise InputError(f"{sentence.rstrip('.')}.") from None


def open_reader(settings: Settings) -> "Reader":
    """The reader of quotes and articles. Libraries that no command asks Elasticsearch's client for are not loaded."""
    from pipeline.cli.lean_imports import load_elasticsearch

    load_elasticsearch(asynchronous=True)  # `whosaid status` reads the sources with it
    from pipeline.search.reader import Reader

    return Reader(settings)
