"""What the parts log: one line an event on standard error, with the time in UTC."""

import logging
import sys
import time

from pipeline.settings import Settings

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_SILENCE = 30.0  # seconds
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
        handler.addFilter(_NotAgain())
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)


class _NotAgain(logging.Filter):
    """Lets a library say the same thing once in half a minute; without Kafka its clients say it 30 times a second."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        if record.name.partition(".")[0] not in _CHATTY:
            return True
        what = (record.name, str(record.msg))
        again = record.created - self._said.get(what, 0.0) < _SILENCE
        if not again:
            self._said[what] = record.created
        return not again
