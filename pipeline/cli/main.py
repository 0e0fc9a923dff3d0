"""Runs the `whosaid` command: registers the commands, and turns each error into a sentence and an exit code."""

import logging
import sys
import traceback
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from pipeline import __version__, logs, patience
from pipeline.cli import (
    alert,
    article,
    backup,
    clean,
    connect,
    dlq,
    doctor,
    enrich,
    entity,
    export,
    extract,
    ingest,
    interpreter,
    kb,
    mcp,
    plan,
    push,
    reenrich,
    reindex,
    resolve,
    restore,
    retain,
    search,
    serve,
    settings,
    sink,
    source,
    speakers,
    status,
    tail,
    token,
    trends,
    up,
    version,
)
from pipeline.cli.console import errors, output, unread
from pipeline.cli.groups import Commands
from pipeline.errors import SettingsError, WhoSaidError
from pipeline.settings import Settings, load

_PATIENT = ("up", "enrich", "sink", "resolve", "serve", "connect", "push")
"""Commands that run for long, and wait for Kafka as long as the settings say."""

app = typer.Typer(
    cls=Commands,
    name="whosaid",
    help="Who said what, to whom, when and where: news in, attributed quotes out.",
    epilog=(
        "Exit codes: 0 done; 1 an unexpected error; 2 a bad option, file or setting; 3 an engine did not start; "
        "4 a service does not answer; 5 no such id; 6 done, but with failures; 130 interrupted."
    ),
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(asked: bool) -> None:
    if asked:
        output.print(f"whosaid {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    context: typer.Context,
    verbose: bool = typer.Option(False, "--verbose", help="Show the trace of an error; may stand anywhere."),
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Show the version."),
) -> None:
    """Who said what, to whom, when and where: news in, attributed quotes out."""
    if context.invoked_subcommand not in _PATIENT:
        context.with_resource(patience.impatient(lambda sentence: errors.print(sentence, markup=False)))


for command in (
    up,
    status,
    doctor,
    ingest,
    search,
    speakers,
    trends,
    tail,
    export,
    alert,
    mcp,
    extract,
    article,
    source,
    dlq,
    reenrich,
    reindex,
    retain,
    backup,
    restore,
    entity,
    kb,
    enrich,
    sink,
    resolve,
    serve,
    connect,
    push,
    settings,
    plan,
    clean,
    token,
    version,
):
    command.register(app)


def main(arguments: Sequence[str]) -> int:
    """Runs one command; its exit code."""
    verbose = "--verbose" in arguments
    arguments = [argument for argument in arguments if argument != "--verbose"]
    # Our own progress is on the screen; the libraries' chatter belongs to --verbose and to the parts' logs.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logs.Discreet(_settings()))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.CRITICAL, handlers=[handler])
    try:
        return _run(arguments, verbose)
    except (BrokenPipeError, SystemExit) as error:  # the latter is what typer makes of the former
        broken = error.__context__ if isinstance(error, SystemExit) else error
        if not isinstance(broken, BrokenPipeError):
            raise
        if unread():  # by head or less, which has seen enough
            return 0
        _print_unexpected(broken, verbose)
        return 1


def _run(arguments: Sequence[str], verbose: bool) -> int:
    try:
        result = app(args=arguments or ["--help"], prog_name="whosaid", standalone_mode=False)
        sys.stdout.flush()  # now: at the end of the process a closed pipe would be told of
        return result if isinstance(result, int) else 0
    except TyperException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "whosaid"
        errors.print(f"whosaid: {error.format_message()} `{command} --help` shows what there is.", markup=False)
        return 2
    except (KeyboardInterrupt, typer.Abort) as error:
        errors.print(" ".join(["Interrupted.", *getattr(error, "__notes__", ())]), markup=False, soft_wrap=True)
        return 130
    except BrokenPipeError:
        raise
    except WhoSaidError as error:
        _print_error(f"whosaid: {error}", verbose)
        return error.exit_code
    except Exception as error:
        _print_unexpected(error, verbose)
        return 1


def _print_unexpected(error: BaseException, verbose: bool) -> None:
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    _print_error(f"whosaid: unexpected error ({what}); --verbose shows where.", verbose)


def _print_error(sentence: str, verbose: bool) -> None:
    text = f"{traceback.format_exc()}{sentence}" if verbose else sentence
    errors.print(logs.without_secrets(_settings(), text), markup=False, highlight=False, soft_wrap=True)


def _settings() -> Settings:
    """The settings whose secrets are to be hidden; none where they cannot be read: what cannot be read is not used."""
    try:
        return load()
    except SettingsError:
        return Settings()


def run() -> None:
    """The entry point of the `whosaid` script."""
    interpreter.leave_optimization()
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()
