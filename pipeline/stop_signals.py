"""Stops a part at SIGTERM or SIGINT: in order, as these signals are sent."""

import signal
import threading
from collections.abc import Callable


def run_until_stopped(run: Callable[[], None], stop: Callable[[], None]) -> None:
    """Calls `run`, and `stop` at SIGTERM or SIGINT; the handlers of before hold again afterwards.

    In another thread than the main one, which gets no signals, it only calls `run`.
    """
    if threading.current_thread() is not threading.main_thread():
        run()
        return
    before = {number: signal.signal(number, lambda *_: stop()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
