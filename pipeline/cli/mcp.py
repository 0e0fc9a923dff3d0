"""`whosaid mcp`: gives assistants the search as tools, by the Model Context Protocol over standard input and output."""

from pathlib import Path

import typer

from pipeline.errors import InputError
from pipeline.settings import load


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def mcp(
        address: str = typer.Option(None, help="Address of the search service; by default that of the settings."),
        token_file: Path = typer.Option(None, help="File with the token that may read, alone."),
    ) -> None:
        """Gives assistants search, articles, speakers and trends as tools, over standard input and output.

        It asks a search service, so that its tokens and limits hold. It only reads.
        """
        settings = load()
        from pipeline.search.assistant import serve

        serve(address or settings.search_url, _token(token_file))


def _token(file: Path | None) -> str | None:
    """The token in a file.

    Raises:
        InputError: the file cannot be read, or holds something else.
    """
    if file is None:
        return None
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The token in {file} cannot be read: {error}.") from None
    if not token.isascii() or len(token.split()) != 1:
        raise InputError(f"{file} must hold one token and nothing else.")
    return token
