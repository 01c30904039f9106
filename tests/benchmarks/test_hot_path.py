"""How the table of the hot path comes about."""

from __future__ import annotations

import signal
import sys

import pytest

from core.engine.transport.output import Output
from tests.benchmarks.hot_path import REST, Looks, table


def test_what_a_thread_spends_counts_for_the_innermost_step_on_its_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks()
    clock = iter([1.0, 1.0, 1.5, 1.5])
    monkeypatch.setattr("tests.benchmarks.hot_path.time.thread_time", lambda: next(clock))

    class Writer:
        def __len__(self) -> int:
            looks._look(signal.SIGPROF, sys._getframe())
            return 0

    class Written:
        _log, _dirty, _scheduled = Writer(), (), False
        _subscribers = ()

    looks._look(signal.SIGPROF, sys._getframe())
    Output.flush(Written())  # type: ignore[arg-type]
    assert dict(looks.seconds) == {REST: 1.0, "joining what is written": 0.5}


def test_the_table_tells_microseconds_an_activity() -> None:
    spent = {
        "activities": 1000,
        "loop": 0.05,
        "store": 0.02,
        "kernel": 0.01,
        "seals": 0.004,
        "commits": 0.009,
        "what follows them": 0.003,
    }
    rows = [*table(spent, {"decoding": 0.02, REST: 0.03})]
    assert rows[2:5] == [f"| {REST} | 30.0 |", "| decoding | 20.0 |", "| **the event loop's thread** | 50.0 |"]
    assert "| the store's thread: what is synced | 5.0 |" in rows
    assert "| the store's thread: waiting for work and for the interpreter | 8.0 |" in rows
