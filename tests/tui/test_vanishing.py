"""A terminal that goes away takes nothing with it."""

from __future__ import annotations

import threading
from io import StringIO

from textual.drivers._writer_thread import MAX_QUEUED_WRITES, WriterThread

from tui import vanishing


class Gone(StringIO):
    """A terminal whose window was closed."""

    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


def test_writing_to_a_terminal_that_is_gone_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr(WriterThread, "run", WriterThread.run)
    vanishing.install()
    writer = WriterThread(Gone())
    writer.start()

    def paint() -> None:
        for _ in range(10 * MAX_QUEUED_WRITES):
            writer.write("a frame")
        writer.stop()

    painting = threading.Thread(target=paint, daemon=True)
    painting.start()
    painting.join(10)
    assert not painting.is_alive()


def test_a_terminal_that_is_there_gets_everything(monkeypatch):
    monkeypatch.setattr(WriterThread, "run", WriterThread.run)
    vanishing.install()
    file = StringIO()
    writer = WriterThread(file)
    writer.start()
    for number in range(100):
        writer.write(f"{number} ")
    writer.stop()
    assert file.getvalue().split() == [str(number) for number in range(100)]
