"""What the documents beside the code say of it is so: commands and fields, figures, files, names of parts."""

from __future__ import annotations

import importlib
import re
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.client.client_settings import ClientSettings
from core.client.logging_in import REDIRECTS_NONE
from core.client.write_set import UNDER_WAY_MAX
from core.engine.threads.opening_store import new_identity
from core.node.interface.node_config import lan
from core.node.kernel.clock import AHEAD_MAX, MICROSECONDS
from core.node.log.refs import REFS_MAX
from core.wire import messages
from core.wire.limits import (
    ACTIVITY_BYTES_MAX,
    CLIENT_LINE_BYTES_MAX,
    NAME_CHARACTERS_MAX,
    NESTING_DEPTH_MAX,
    SERVER_LINE_BYTES_MAX,
)
from core.wire.server_keys import CERTIFIED_ID_CHARACTERS

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "core/DESIGN.md",
    "core/PROTOCOL.md",
    "core/DEBUGGING.md",
    "core/THREATS.md",
    "core/simulation/README.md",
    "tui/README.md",
    "tui/ssh/README.md",
    "tests/benchmarks/README.md",
]
CONFIG = lan("here", 3780, "secret")
CLIENT = ClientSettings()


def text_of(document: str) -> str:
    """A document in one line, so that a phrase is found wherever its lines break."""
    return " ".join((ROOT / document).read_text(encoding="utf-8").split())


def rows(document: str) -> list[list[str]]:
    """The cells of every row of every table."""
    lines = (ROOT / document).read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def words(cell: str) -> set[str]:
    """What a cell has in backquotes."""
    return set(re.findall(r"`([^`]+)`", cell))


COMMANDS = {str(struct.__struct_config__.tag): struct for struct in messages.MESSAGES}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_protocol_document_tells_every_command_with_all_its_fields(command: str) -> None:
    # The table of bounds, which has three columns, says nothing of what they mean.
    told = [" ".join(row) for row in rows("core/PROTOCOL.md") if len(row) != 3 and command in words(row[0])]
    assert told, f"{command} has no row"
    fields = {field.encode_name for field in msgspec.structs.fields(COMMANDS[command])}
    assert fields - words(" ".join(told)) == set()


@pytest.mark.parametrize(
    ("document", "phrase"),
    [
        ("core/PROTOCOL.md", f"at most {NESTING_DEPTH_MAX} levels deep"),
        ("core/PROTOCOL.md", f"At most {CLIENT_LINE_BYTES_MAX // 1024} KiB a line from a client"),
        ("core/PROTOCOL.md", f"{SERVER_LINE_BYTES_MAX // 1024**2} MiB from an authenticated server"),
        ("core/PROTOCOL.md", f"1 MiB less {(SERVER_LINE_BYTES_MAX - ACTIVITY_BYTES_MAX) // 1024} KiB"),
        ("core/PROTOCOL.md", f"nothing valid within {CONFIG.first_message_limit:g} s is closed"),
        ("core/PROTOCOL.md", f"before it has announced itself or {CONFIG.quiet_limit:g} s have passed"),
        ("core/PROTOCOL.md", f"({REDIRECTS_NONE} if it follows none)"),
        ("core/PROTOCOL.md", f"have answered within {CONFIG.lock_limit:g} s"),
        ("core/PROTOCOL.md", f"A name has 1 to {NAME_CHARACTERS_MAX} characters"),
        ("core/PROTOCOL.md", f"Every {CONFIG.announce_interval:g} s to base servers"),
        ("core/PROTOCOL.md", f"taken to have succeeded {CONFIG.base_grace:g} s after"),
        ("core/PROTOCOL.md", f"{CONFIG.gather_wait:g} s after the last answer"),
        ("core/PROTOCOL.md", f"a *node* is {CERTIFIED_ID_CHARACTERS} lower-case base-32 characters"),
        ("core/PROTOCOL.md", f"vector, every {CONFIG.sync_interval:g} s"),
        ("core/PROTOCOL.md", f"Every {CONFIG.ping_interval:g} s; {CONFIG.ping_misses} unanswered ones end the link"),
        ("core/PROTOCOL.md", f"after more than {CONFIG.liveness_after:g} s of silence"),
        ("core/PROTOCOL.md", f"at most {UNDER_WAY_MAX} unanswered at a time"),
        (
            "core/PROTOCOL.md",
            f"last {CLIENT.writes_max} activities, of at most {CLIENT.writes_bytes_max // 1024} KiB together",
        ),
        ("core/DESIGN.md", f"after {CONFIG.order_wait:g} s (`order_wait`)"),
        ("core/DESIGN.md", f"further than {AHEAD_MAX // MICROSECONDS} s ahead"),
        ("core/DESIGN.md", f"among the last {REFS_MAX:,} refs"),
        ("core/DESIGN.md", "for two seconds after the tree has lost a link (`flood`)"),
        ("README.md", "two spare links a server stand by"),
        ("README.md", "three missed pings"),
    ],
)
def test_the_figures_are_those_of_the_code(document: str, phrase: str) -> None:
    assert phrase in text_of(document)


def test_figures_that_are_written_out_in_words_are_those_of_the_code() -> None:
    assert (CONFIG.flood, CONFIG.lazy_links, CONFIG.ping_misses) == (2.0, 2, 3)


def test_a_new_node_has_an_identity_as_the_protocol_document_says() -> None:
    assert re.fullmatch(rf"[a-z2-7]{{{CERTIFIED_ID_CHARACTERS}}}", new_identity().node)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_a_document_names_is_there(document: str) -> None:
    for name in re.findall(r"`((?:core|tui|tests|screenshots|\.ci)/[\w./-]*)`", text_of(document)):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_of_a_document_leads_to_a_file(document: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", text_of(document)):
        assert ((ROOT / document).parent / target).exists(), target


def anchors(document: Path) -> set[str]:
    """What links can lead to in a document: its headings as GitHub spells them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_into_a_document_leads_to_a_heading(document: str) -> None:
    for target, anchor in re.findall(r"\]\(([^):#]*)#([^)]+)\)", text_of(document)):
        assert anchor in anchors((ROOT / document).parent / target if target else ROOT / document), anchor


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_target_that_a_document_names_is_in_the_makefile(document: str) -> None:
    targets = set(re.findall(r"(?:`|^    )make ([a-z-]+)", (ROOT / document).read_text(encoding="utf-8"), re.MULTILINE))
    for target in targets:
        tried = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, timeout=30, check=False)
        assert tried.returncode == 0, target


NAMED = sorted(
    {
        (document, *found)
        for document in DOCUMENTS
        for found in re.findall(r"`((?:core|tui|tests)/[\w/]+\.py):([\w.]+)`", text_of(document))
    }
)
"""What documents put together as `file:name`."""


@pytest.mark.parametrize(("document", "file", "name"), NAMED, ids=[f"{file}:{name}" for _, file, name in NAMED])
def test_every_name_is_in_the_file_that_it_is_said_to_be_in(document: str, file: str, name: str) -> None:
    found: Any = importlib.import_module(file.removesuffix(".py").replace("/", "."))
    for part in name.split("."):
        found = getattr(found, part)


def test_the_design_names_many_things() -> None:
    assert sum(document == "core/DESIGN.md" for document, _, _ in NAMED) > 50


def test_every_target_that_is_said_to_take_arguments_hands_them_on() -> None:
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("| | `ARGS` are |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    targets = [target for row in rows for target in re.findall(r"`([a-z-]+)`", row)]
    assert len(targets) >= 8
    for target in targets:
        done = subprocess.run(
            ["make", "-n", target, "ARGS=--handed-on"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "--handed-on" in done.stdout, target
