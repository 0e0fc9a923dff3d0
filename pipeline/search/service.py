"""Runs the search service until it is told to stop."""

import asyncio
import logging

from pipeline.search.api import create_app
from pipeline.search.surroundings import Surroundings
from pipeline.server import serving
from pipeline.settings import Settings

logger = logging.getLogger(__name__)


def run(settings: Settings, surroundings: Surroundings | None = None) -> None:
    """Serves until SIGTERM or Ctrl-C; running requests are finished first.

    `surroundings` are the pages about the other parts.

    Raises:
        SettingsError: the port is taken, the address is not this machine's, or tokens are missing.
    """
    app = create_app(settings, surroundings)
    with serving.listen(settings.search.host, settings.search.port, variables="WHOSAID_SEARCH__") as listening:
        logger.info("The search service listens at %s/", settings.search_url)
        asyncio.run(serving.serve(app, listening, settings.server))
