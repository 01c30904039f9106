"""What people over SSH cost can be measured: each row says what it measured, at a small scale too."""

from __future__ import annotations

import pytest

from tests.benchmarks import ssh_traffic

SMALL = ssh_traffic.Scale(sessions=2, seconds=1.5, rounds=1, tail_rate=50, workers=1)
WORDS = {
    "frames": ("a frame at 20 activities a second, 80×24, median", "120×40, bytes in 1.5 s without change"),
    "sessions": ("processor, 2 sessions of 120×40 that follow 20 activities a second",),
    "tails": ("ssh … tail, 2 sessions at 50 a second",),
}


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", WORDS)
async def test_a_row_tells_its_figures_and_whether_the_bars_are_met(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ssh_traffic, "WARM", 1.0)
    await ssh_traffic.main([name], SMALL)
    told = capsys.readouterr().out
    assert [words for words in WORDS[name] if words not in told] == []
    assert not [line for line in told.splitlines() if line.startswith(f"{name}:")], told


def test_every_row_is_tried_here() -> None:
    assert set(WORDS) == set(ssh_traffic.ROWS)
