"""What the parts log: one line an event on standard error, with the time in UTC."""

import logging
import sys
import time

from pipeline.settings import Settings

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_CHATTY = ("aiokafka", "elastic_transport", "faust", "httpx", "kafka", "mode")  # only what they warn of


def to_stderr(settings: Settings) -> None:
    """Sends this process's log to standard error, from the level that the settings name."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter(_FORMAT, datefmt="%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    level = settings.log_level.upper()
    logging.basicConfig(level=level, handlers=[handler], force=True)
    if level != "DEBUG":
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
