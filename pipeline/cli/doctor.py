"""`whosaid doctor`: says what is wrong with the installation, and what to do about it."""

from dataclasses import asdict

import typer
from rich.text import Text

from pipeline import redaction
from pipeline.cli.console import output, print_json
from pipeline.errors import SourceError

_STYLE = {"fine": ("✓", "green"), "warning": ("!", "yellow"), "fault": ("✗", "red")}


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def doctor(as_json: bool = typer.Option(False, "--json", help="As JSON.")) -> None:
        """Examines settings, machine, model, Kafka, topics, Elasticsearch, indices and sources; changes nothing.

        Exit code 6: something is wrong. Warnings alone leave it 0.
        """
        from pipeline.doctor.examination import examine

        findings = []
        for one in examine():
            findings.append(one)
            if as_json:
                continue
            mark, style = _STYLE[one.level]
            output.print(
                Text.assemble((f"{mark} {one.about}: ", style), redaction.in_text(one.sentence)), soft_wrap=True
            )
            if one.remedy:
                output.print(f"  {redaction.in_text(one.remedy)}", soft_wrap=True)
        faults = sum(one.level == "fault" for one in findings)
        warnings = sum(one.level == "warning" for one in findings)
        if as_json:
            rows = [asdict(one) | {"sentence": redaction.in_text(one.sentence)} for one in findings]
            print_json({"healthy": not faults, "faults": faults, "warnings": warnings, "findings": rows})
        else:
            output.print(f"\n{_counted(faults, 'fault')}, {_counted(warnings, 'warning')}.")
        if faults:
            raise typer.Exit(SourceError.exit_code)


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
