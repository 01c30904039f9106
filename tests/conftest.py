"""Settings of the whole suite."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

OURS = ("ACTIVITY_TUI_", "XDG_", "PYTHON", "LC_")
"""Variables of whoever runs the tests with these beginnings change what a program does, so no test sees them."""
OTHERS = ("LANGUAGE", "COLORTERM", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TMUX", "SSH_AUTH_SOCK", "SSH_TTY")
for name in list(os.environ):
    if name in OTHERS or name.startswith(OURS):
        del os.environ[name]
os.environ.update({"LANG": "C.UTF-8", "TERM": "xterm-256color"})

settings.register_profile("suite", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", deadline=None, max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

LONG = 5.0
"""Seconds from which on a test should be marked as slow."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the tests that take long and do not say so."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            if report.when == "call" and report.duration > LONG and "slow" not in report.keywords:
                terminalreporter.write_line(f"took {report.duration:.1f} s without the mark slow: {report.nodeid}")
