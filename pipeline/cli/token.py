"""`whosaid token`: makes a token for the search service or the push endpoint."""

import typer

from pipeline.cli.console import errors


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def token(
        name: str = typer.Argument(..., help="Who it is for; letters, digits and . _ @ -"),
        scope: list[str] = typer.Option(["read"], "--scope", help="read, push, metrics or admin; may be repeated."),
    ) -> None:
        """Makes a token: its line for the tokens file on standard output, the token itself on the screen, once."""
        from pipeline import access_tokens as auth
        from pipeline.errors import InputError

        known = [known_scope.value for known_scope in auth.Scope]
        for wanted in scope:
            if wanted not in known:
                raise InputError(f"There is no scope {wanted!r}; there are {', '.join(known)}.")
        secret, line = auth.create(name, [auth.Scope(wanted) for wanted in scope])
        typer.echo(line)
        errors.print(f"The token of {name}, kept nowhere: {secret}", markup=False, soft_wrap=True)
