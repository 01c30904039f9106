"""Settings of the whole suite."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.fuzz.noise import SEED_VARIABLE, drawn_seed

OURS = ("ACTIVITY_TUI_", "XDG_", "PYTHON", "LC_")
"""Variables of whoever runs the tests with these beginnings change what a program does, so no test sees them."""
OTHERS = ("LANGUAGE", "COLORTERM", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TMUX", "SSH_AUTH_SOCK", "SSH_TTY")
for name in list(os.environ):
    if name in OTHERS or name.startswith(OURS):
        del os.environ[name]
os.environ.update({"LANG": "C.UTF-8", "TERM": "xterm-256color"})

drawn_seed()
"""Before there are workers: they find the one that is drawn here."""

settings.register_profile("suite", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", deadline=None, max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

NEW_OBJECTS = 50_000
"""New objects that have survived, after which the collector looks for garbage: Python does so every 700."""


def pytest_collection_finish(session: pytest.Session) -> None:
    """Spare the collector ten thousand tests.

    They are there to stay, and so is what every test imports: each full collection looked at a million objects that
    never go, which took a quarter of the whole suite's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])


LONG = 5.0
"""Seconds from which on a test should be marked as slow: of a machine that has nothing else to do."""
WAITED = "waited for a processor"


def waited() -> float | None:
    """Seconds for which this thread could have gone on and had no processor; None where the system does not say."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Note for how long a test waited because others kept the machine busy."""
    before, children = waited(), sum(os.times()[2:4])
    try:
        return (yield)
    finally:
        after = waited()
        if before is not None and after is not None:
            # What a test has started waited as well, about as long as there were others for each processor.
            others = max(0.0, os.getloadavg()[0] / (os.cpu_count() or 1) - 1.0)
            started = (sum(os.times()[2:4]) - children) * others
            item.user_properties.append((WAITED, after - before + started))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the tests that take long and do not say so, and what replays the run's noise."""
    terminalreporter.write_line(f"noise: {SEED_VARIABLE}={drawn_seed()}")
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            took = report.duration - sum(seconds for name, seconds in report.user_properties if name == WAITED)
            if report.when == "call" and took > LONG and "slow" not in report.keywords:
                terminalreporter.write_line(f"took {took:.1f} s without the mark slow: {report.nodeid}")
