"""Make what is installed beside the package, from the grammar of the command line: the man page, and completions.

`make packaging` writes it to `packaging/share`, which a wheel lays into `share` of where it is installed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from argparse_manpage.manpage import Manpage

from tui.cli.arguments import CommandParser, build
from tui.cli.completion_command import filled, script
from tui.version import __version__

SHARE: Final = Path(__file__).resolve().parents[2] / "packaging" / "share"
_COMPLETIONS: Final = {
    "bash": "bash-completion/completions/activity-tui",
    "zsh": "zsh/site-functions/_activity-tui",
    "fish": "fish/vendor_completions.d/activity-tui.fish",
}
_COLUMNS: Final = "80"


def files() -> Mapping[str, str]:
    """The text of each file, by its path below `share`."""
    columns = os.environ.get("COLUMNS")
    # What argparse writes is as wide as the terminal.
    os.environ["COLUMNS"] = _COLUMNS
    try:
        made = {path: script(shell) for shell, path in _COMPLETIONS.items()}
        made["man/man1/activity-tui.1"] = _man_page(build())
    finally:
        if columns is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = columns
    return {path: text.rstrip("\n") + "\n" for path, text in made.items()}


def _man_page(parser: CommandParser) -> str:
    told = {
        # A page that is made anew is the same one.
        "date": " ",
        "project_name": "activity-tui",
        "version": __version__,
        "manual_title": "User commands",
    }
    return str(Manpage(filled(parser), told))


if __name__ == "__main__":
    for path, text in files().items():
        file = SHARE / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
