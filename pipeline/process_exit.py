"""Describes in words how a process ended: a part, an engine or a spaCy process."""

import signal

_SHELL = 128  # a shell and `pipeline.embedded.child_guard` report signal n as exit code 128 + n
_MEANINGS = {
    signal.SIGABRT: "it aborted itself",
    signal.SIGBUS: "it crashed",
    signal.SIGFPE: "it crashed",
    signal.SIGHUP: "its terminal closed",
    signal.SIGILL: "it crashed",
    signal.SIGINT: "it was interrupted",
    signal.SIGKILL: "it was killed, perhaps because the machine ran out of memory",
    signal.SIGSEGV: "it crashed",
    signal.SIGTERM: "it was told to stop",
    signal.SIGXCPU: "it reached its limit of processor time",
    signal.SIGXFSZ: "it reached its limit of file size",
}


def describe_exit(code: int) -> str:
    """An exit code as words: `exit code 4`, or `signal 9 (SIGKILL): it was killed, perhaps because …`.

    Args:
        code: as `subprocess` and `multiprocessing` give it (a signal is negative), or as a shell does (128 + signal).
    """
    number = -code if code < 0 else code - _SHELL
    try:
        name = signal.Signals(number)
    except ValueError:  # no signal, or one that has no name
        return f"signal {number}" if code < 0 else f"exit code {code}"
    meaning = _MEANINGS.get(name)
    return f"signal {number} ({name.name})" + (f": {meaning}" if meaning else "")
