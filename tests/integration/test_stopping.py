"""However a part is told to stop, it ends with exit code 0, in order, and without a trace."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from pipeline import kafka_client, topics
from pipeline.settings import ConnectorSettings, EnrichmentSettings, SearchSettings, Settings
from tests.engines import free_ports
from tests.integration.parts import COMMAND, env, wait_until

READY = {
    "serve": "The search service listens at http://127.0.0.1:",
    "sink": "Sink ready",
    "enrich": "",  # it says nothing: it is ready when it is in its group
    "connect": "reads nothing: there are no sources yet; `whosaid source add URL` adds one.",
    "push": "The push endpoint listens at http://127.0.0.1:",
}
WAYS = ("SIGTERM", "SIGINT", "SIGINT, ignored before", "closed input", "killed parent")


class Stopped:
    """A supervised part that is stopped in one way. Its input is a pipe that another process, its parent, holds."""

    def __init__(self, settings: Settings, name: str, way: str, folder: Path) -> None:
        self.way, self.log = way, folder / f"{way}.log"
        reading, writing = os.pipe()
        self.parent = subprocess.Popen(["sleep", "600"], pass_fds=[writing])
        os.write(writing, b"\n")  # the engines run: it may begin
        os.close(writing)
        http, push = free_ports(2)
        own = settings.model_copy(
            update={
                "search": SearchSettings(port=http),
                "connectors": ConnectorSettings.model_validate({"push_port": push, "push_token": "secret"}),
                "enrichment": EnrichmentSettings(processes=1),
            }
        )
        with self.log.open("wb") as stream:
            command = [*COMMAND, name, "--supervised"]
            if "ignored" in way:  # as what a shell starts in the background
                command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command]
            self.part = subprocess.Popen(
                command, stdin=reading, stdout=stream, stderr=stream, env=env(own), start_new_session=True
            )
        os.close(reading)

    def stop(self) -> None:
        if self.way.startswith("SIG"):
            self.part.send_signal(signal.Signals[self.way.partition(",")[0]])
        elif self.way == "closed input":
            self.parent.terminate()
        else:
            self.parent.kill()

    def tidy(self) -> None:
        for process in (self.part, self.parent):
            if process.poll() is None:
                process.kill()
            process.wait()


@pytest.mark.parametrize("name", READY)
@pytest.mark.guarantee("stops-in-order")
def test_part_ends_with_0_and_no_trace(name: str, settings: Settings, tmp_path: Path) -> None:
    kafka_client.ensure_topics(settings, topics.all_topics(settings))
    parts = [Stopped(settings, name, way, tmp_path) for way in WAYS]

    def ready() -> bool:
        assert all(one.part.poll() is None for one in parts), [one.log.read_text() for one in parts]
        if READY[name]:
            return all(READY[name] in one.log.read_text() for one in parts)
        return len(kafka_client.members(settings, topics.enrichment_group(settings))) == len(parts)

    try:
        wait_until(ready, 120, message=f"{name} did not start")
        for one in parts:
            one.stop()
        codes = {one.way: one.part.wait(60) for one in parts}
        assert codes == dict.fromkeys(WAYS, 0), [one.log.read_text() for one in parts]
        for one in parts:
            said = one.log.read_text()
            assert "Traceback" not in said, said
            assert "Fatal" not in said, said
    finally:
        for one in parts:
            one.tidy()
