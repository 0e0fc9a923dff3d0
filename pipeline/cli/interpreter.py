"""Restarts the command in a Python interpreter with assertions, where the present one leaves them out."""

import os
import re
import sys
from collections.abc import Sequence

_VARIABLE = "PYTHONOPTIMIZE"
_FLAGS = re.compile(r"-([bBdEhiIOPqsSuvVx?]*)(.*)", re.DOTALL)  # flags without a value, then perhaps one that has one


def leave_optimization() -> None:
    """Runs the same command in an interpreter with assertions, where this one leaves them out (-O, PYTHONOPTIMIZE).

    Kafka's client does some of its work within assertions, so without them it misreads Kafka's answers. The processes
    that this one starts inherit its environment, so they have assertions, too.
    """
    if not sys.flags.optimize:
        return
    print("whosaid: Python's optimization is left out, as Kafka's client does not work with it.", file=sys.stderr)
    sys.stderr.flush()
    variables = {name: value for name, value in os.environ.items() if name != _VARIABLE}
    os.execve(sys.executable, [sys.executable, *without_optimization(sys.orig_argv[1:])], variables)  # noqa: S606


def without_optimization(arguments: Sequence[str]) -> list[str]:
    """The arguments of a Python command without its -O options; those of the program itself stay as they are."""
    kept: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        match = _FLAGS.fullmatch(argument)
        if match is None or argument == "-":  # the program begins
            kept.append(argument)
            break
        flags, valued = match[1].replace("O", ""), match[2]
        if flags or valued:
            kept.append(f"-{flags}{valued}")
        if valued[:1] in ("m", "c"):
            break
        if valued in ("X", "W", "-check-hash-based-pycs"):  # the value is the next argument
            kept += [value for value in [next(rest, None)] if value is not None]
    return [*kept, *rest]
