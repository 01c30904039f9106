"""The C programs of the benchmark (`native/`), made when they are asked for and kept in the temporary directory.

A load generator in Python takes longer over an activity than the servers do that it measures.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.benchmarks.data import CACHE

SOURCES: Final = Path(__file__).with_name("native")
PROGRAMS: Final = {
    "loadgen": ("loadgen.c", "checks.c", "connection.c", "measure.c", "protocols.c"),
    "reference": ("reference.c",),
}
FLAGS: Final = ("-O2", "-std=gnu11", "-Wall", "-Wextra")
TLS: Final = (("-DWITH_TLS",), ("-lssl", "-lcrypto"))


class NotHere(Exception):
    """Something is not installed on this machine; the text is a sentence that says what, and how to have it."""


def compiler() -> str:
    """What compiles C here. Raises NotHere."""
    found = shutil.which(os.environ.get("CC", "cc"))
    if found is None:
        raise NotHere("there is no C compiler (cc), which makes the load generator: install gcc or clang")
    return found


def program(name: str, *, tls: bool = False) -> Path:
    """An executable, made now unless it was made from the same sources. Raises NotHere."""
    with_compiler = compiler()
    before, behind = TLS if tls else ((), ())
    made_from = b"".join(file.read_bytes() for file in sorted(SOURCES.iterdir()))
    version = hashlib.blake2b(made_from + repr((with_compiler, FLAGS, before)).encode(), digest_size=6).hexdigest()
    where = CACHE / f"{name}{'-tls' * tls}-{version}"
    CACHE.mkdir(mode=0o755, parents=True, exist_ok=True)
    if CACHE.stat().st_uid != os.getuid():
        # The temporary directory is everybody's: what somebody else has put there is not run.
        raise NotHere(f"{CACHE} belongs to somebody else: set TMPDIR to a directory of your own")
    if not where.exists():
        for old in CACHE.glob(f"{name}{'-tls' * tls}-????????????"):
            old.unlink(missing_ok=True)
        # Whoever starts it at the same time finds it whole or not at all.
        half = where.with_name(f"half-{where.name}-{os.getpid()}")
        sources = [str(SOURCES / source) for source in PROGRAMS[name]]
        made = subprocess.run(
            [with_compiler, *FLAGS, *before, "-o", str(half), *sources, *behind], capture_output=True, text=True
        )
        if made.returncode:
            if tls:
                raise NotHere("the load generator cannot be made with TLS: install OpenSSL's headers (libssl-dev)")
            raise NotHere(f"{with_compiler} does not compile {name}: {made.stderr.strip()[-300:]}")
        half.rename(where)
    return where
