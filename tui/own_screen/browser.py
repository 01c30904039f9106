"""Opens a link in the person's browser, beside this process and away from its terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from typing import Final

LIMIT: Final = 5.0
"""Seconds after which a browser that has not ended counts as opened."""
_OPEN: Final = "import sys, webbrowser; sys.exit(not webbrowser.open(sys.argv[1]))"
"""By the standard library, which knows the browsers of all systems, in a process of its own: it waits for some of them,
and others write to the terminal."""


def browser_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which no browser is found that would want the terminal."""
    return {name: value for name, value in environment.items() if name != "TERM"}


async def open_in_browser(link: str) -> bool:
    """Whether a browser could be started. `link` is one of http or https."""
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-c", _OPEN, link),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=browser_environment(os.environ),
            start_new_session=True,
        )
    except OSError:
        return False
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LIMIT):
            return await process.wait() == 0
    return True
