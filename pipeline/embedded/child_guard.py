"""Runs one engine and ends it with its parent: `python child_guard.py '{"command": […], …}'`, a process of its own.

Its standard input is a pipe that its parent holds and never writes to. When the pipe closes, because the parent wants
the engine to stop or has died by whatever signal, the engine gets SIGTERM, and SIGKILL after the grace. Guard and
engine are in sessions of their own, so that Ctrl-C in the terminal reaches neither. This file needs nothing but the
standard library, on Linux and macOS.
"""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

OPEN_FILES = 65_535
"""What Elasticsearch asks for, where the system lets us; a terminal's own limit is often 1024 or 256."""


def run(spec: dict[str, Any]) -> int:
    """Starts the engine, notes its process in the record, and waits for its end; its exit code, 128 + n for a signal.

    Args:
        spec: `command`, `cwd`, `record` (path of the file to note the process in), `owner` (what else to note),
            `lock` (descriptor the engine must hold open), `grace` (seconds), `uid` and `gid` (numbers or null).
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    account = {} if spec["uid"] is None else {"user": spec["uid"], "group": spec["gid"], "extra_groups": []}
    try:
        engine = subprocess.Popen(
            spec["command"],
            cwd=spec["cwd"],
            stdin=subprocess.DEVNULL,
            pass_fds=[spec["lock"]],
            start_new_session=True,
            **account,
        )
    except OSError as error:
        print(f"ERROR {spec['command'][0]} cannot be run: {error}", flush=True)
        return 127
    note = spec["owner"] | {"guard": os.getpid(), "engine": engine.pid}
    Path(spec["record"]).write_text(json.dumps(note), encoding="utf-8")

    def stop() -> None:
        with contextlib.suppress(ProcessLookupError):
            engine.terminate()
            try:
                engine.wait(spec["grace"])
            except subprocess.TimeoutExpired:
                print(f"ERROR It did not stop within {spec['grace']} s and was killed.", flush=True)
                os.killpg(engine.pid, signal.SIGKILL)

    def watch() -> None:
        while os.read(0, 1):
            pass
        stop()

    threading.Thread(target=watch, daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: threading.Thread(target=stop, daemon=True).start())
    signal.signal(signal.SIGINT, lambda *_: None)
    code = engine.wait()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(engine.pid, signal.SIGKILL)  # what the engine itself has started and left
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(run(json.loads(sys.argv[1])))
