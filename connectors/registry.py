"""Finds connectors by the name of their kind: this package's own, and those that other packages declare.

A package declares its own with the entry-point group `whosaid.connectors`::

    [project.entry-points."whosaid.connectors"]
    gazette = "my_package:GazetteConnector"
"""

import difflib
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from connectors.base import Connector, Context, Factory, SourceConfig
from pipeline.errors import InputError
from pipeline.settings import Settings

GROUP = "whosaid.connectors"


@cache
def _declared() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def kinds() -> list[str]:
    """The names of all kinds, sorted."""
    return sorted(_declared())


def factory(kind: str) -> Factory:
    """The factory of this kind.

    Raises:
        InputError: there is no such kind, or the package that declares it cannot be loaded.
    """
    point = _declared().get(kind)
    if point is None:
        near = difflib.get_close_matches(kind, kinds(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(kinds())}."
        raise InputError(f"There is no connector of kind {kind!r}; {hint}")
    try:
        made: Factory = point.load()
    except (ImportError, AttributeError) as error:
        raise InputError(f"The connector {kind!r} ({point.value}) cannot be loaded: {error}.") from error
    return made


def check(config: SourceConfig, settings: Settings) -> None:
    """Makes the source's connector and drops it, so that a wrong configuration is refused before it is saved.

    Raises:
        InputError: its kind is unknown, or its configuration cannot be used.
    """
    from connectors.web.client import Client

    make(config, Context(settings, Client(settings.connectors)))


def make(config: SourceConfig, context: Context) -> Connector:
    """Makes the connector for a source.

    Raises:
        InputError: its kind is unknown, or its configuration cannot be used.
    """
    return factory(config.kind)(config, context)
