"""Lists the commands of a help text with their whole sentences; Typer cuts them off at the terminal's width."""

import gettext
from typing import Any

from typer.core import TyperGroup

_WHOLE = 1000  # characters: no command's sentence is longer


class Commands(TyperGroup):
    """Commands whose help says of each in a whole sentence what it does."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Writes the list of commands."""
        known = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, one.get_short_help_str(_WHOLE)) for name, one in known if one is not None and not one.hidden]
        if rows:
            with formatter.section(gettext.gettext("Commands")):
                formatter.write_dl(rows)
