"""For all tests: a clean environment, and no test that is skipped without anybody noticing."""

import gc
import os
import signal

import pytest
from hypothesis import settings

from tests.thorough import examples

# A loaded machine is no fault: no deadline for one example.
settings.register_profile("whosaid", max_examples=examples(100), deadline=None)
settings.load_profile("whosaid")

pytest_plugins = ["tests.shared", "tests.scheduling", "tests.engines", "tests.left_out"]

# A shell without job control starts background jobs with Ctrl-C ignored, and children inherit that: some tests
# interrupt theirs.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """What runs the tests that are coroutines."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own WHOSAID_ variables must not decide what a test sees."""
    for name in [name for name in os.environ if name.startswith("WHOSAID_")]:
        monkeypatch.delenv(name)


def pytest_collection_finish() -> None:
    """The garbage collector need not walk all modules and tests again and again: an eighth of pure tests' time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A skipped test proves nothing: it fails the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or exitstatus:
        return
    skipped = reporter.stats.get("skipped", [])
    if skipped:
        reporter.write_line(f"{len(skipped)} skipped: a skipped test counts as a failure.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
