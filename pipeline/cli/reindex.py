"""`whosaid reindex`: builds the indices anew while articles go on being written, and swaps to them."""

import typer

from pipeline.cli.console import output, progress_bars
from pipeline.errors import InputError
from pipeline.settings import load

_STEPS = {"copy": "Copying articles", "catch up": "Catching up with the topic", "verify": "Comparing articles"}


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def reindex(
        from_topic: bool = typer.Option(
            False, "--from-topic", help="Read all that the topic has, instead of the index that is searched now."
        ),
        back: bool = typer.Option(False, "--back", help="Go back to the version that was replaced last."),
        cancel: bool = typer.Option(False, "--cancel", help="After a reindex that was killed: clear up after it."),
        forget: bool = typer.Option(False, "--forget", help="Delete replaced versions; there is no way back then."),
    ) -> None:
        """Builds a new version of the indices, compares it, swaps the aliases to it. Sinks and searches go on."""
        from pipeline.reindex import rebuild

        if sum((from_topic, back, cancel, forget)) > 1:
            raise InputError("Only one of --from-topic, --back, --cancel and --forget at a time.")
        settings = load()
        if cancel or forget:
            names = rebuild.cancel(settings) if cancel else rebuild.forget(settings)
            output.print(f"Deleted: {', '.join(names)}." if names else "There was nothing to delete.")
            return
        with progress_bars() as bars:
            tasks = {step: bars.add_task(words, visible=False) for step, words in _STEPS.items()}

            def show(step: str, done: int, total: int) -> None:
                bars.update(tasks[step], completed=done, total=total, visible=True)

            report = (
                rebuild.back(settings, progress=show)
                if back
                else rebuild.reindex(settings, from_topic=from_topic, progress=show)
            )
        output.print(
            f"{report.new} is searched now, in place of {report.old}: {report.articles:,} articles and "
            f"{report.quotes:,} quotes, {report.sampled:,} articles compared field by field.\n"
            f"{report.copied:,} articles were copied, {report.caught_up:,} events were read from the topic; the sinks "
            f"waited {report.fenced:.1f} s.",
            soft_wrap=True,
        )
        output.print(f"{report.old} is kept: `whosaid reindex --back` goes back to it, `--forget` deletes it.")
