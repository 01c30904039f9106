"""Every message has its place in the protocol document's table of bounds, with each of its fields that may be long."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import msgspec.inspect as mi
import pytest

from core.client.client_settings import ClientSettings
from core.node.accounts.keys import KEYS_MAX
from core.node.accounts.secrets import CHANGES_AN_HOUR_MAX, CHANGES_MAX
from core.node.base.kept_records import KNOWN_MAX
from core.node.clients import absence
from core.node.clients.document_keeping import WAITING_MAX
from core.node.clients.status_answers import STATUS_BYTES_MAX
from core.node.documents.document_comparisons import TAKEN_A_SECOND, TAKEN_AT_ONCE
from core.node.documents.document_table import OVERHEAD
from core.node.documents.documents import WRITERS_REMEMBERED
from core.node.interface.node_config import lan
from core.node.kernel.context import BARRED_FOR
from core.node.log.last_activities import SENDERS_MAX
from core.node.log.refs import REFS_MAX
from core.node.log.replication import BEYOND_MAX
from core.node.map.announcements import ATTACHED_MAX
from core.node.map.map_room import PLACE_BYTES
from core.node.map.map_summary import PAGE_BYTES
from core.wire.account_documents import CLAIM_CHARACTERS_MAX, DOCUMENT_BYTES_MAX
from core.wire.limits import LINKS_TOLD_MAX, USER_INFO_CHUNK_BYTES
from core.wire.messages import BUCKETS, LISTED_MAX, MESSAGES, WANTED_MAX, Message
from core.wire.vector_lines import LONG_VECTOR_BYTES_MAX, VECTOR_BYTES_MAX

PROTOCOL = (Path(__file__).parents[2] / "core" / "PROTOCOL.md").read_text(encoding="utf-8")
CONFIG = lan("here", 3780, "secret")


def table() -> dict[str, tuple[str, str]]:
    """For each command what bounds its length, and what it has others keep."""
    part = PROTOCOL.partition("<!-- bounds of messages -->")[2].partition("<!-- end of bounds -->")[0]
    found: dict[str, tuple[str, str]] = {}
    for line in part.strip().splitlines()[2:]:
        commands, length, kept = (cell.strip() for cell in line.strip("|").split("|"))
        for command in re.findall(r"`([A-Z_]+)`", commands):
            assert command not in found, f"{command} has two rows"
            found[command] = (length, kept)
    return found


def may_be_long(kind: mi.Type) -> bool:
    """Whether the form of a field alone leaves it open how long it is."""
    match kind:
        case mi.UnionType(types=types) | mi.TupleType(item_types=types):
            return any(map(may_be_long, types))
        case mi.StrType(max_length=most) | mi.BytesType(max_length=most):
            return most is None
        case mi.ListType(item_type=item, max_length=most) | mi.VarTupleType(item_type=item, max_length=most):
            return most is None or may_be_long(item)
        case mi.DictType(key_type=key, value_type=value, max_length=most):
            return most is None or may_be_long(key) or may_be_long(value)
        case mi.StructType(fields=fields):
            return any(may_be_long(field.type) for field in fields)
        case _:
            return isinstance(kind, mi.AnyType | mi.RawType | mi.SetType)


def tag(message: type[Message]) -> str:
    return str(message.__struct_config__.tag)


def test_every_message_has_a_row_and_every_row_a_message() -> None:
    assert set(table()) == {tag(message) for message in MESSAGES}


@pytest.mark.parametrize("message", MESSAGES, ids=tag)
def test_the_row_names_every_field_that_may_be_long(message: type[Message]) -> None:
    length, kept = table()[tag(message)]
    info = mi.type_info(message)
    assert isinstance(info, mi.StructType)
    long = {field.encode_name for field in info.fields if may_be_long(field.type)}
    assert long - set(re.findall(r"`([^`]+)`", length)) == set()
    assert length and kept


def test_a_field_that_may_be_long_is_recognised() -> None:
    class Example(msgspec.Struct):
        short: int
        text: str
        texts: list[int]

    info = mi.type_info(Example)
    assert isinstance(info, mi.StructType)
    assert [field.name for field in info.fields if may_be_long(field.type)] == ["text", "texts"]


@pytest.mark.parametrize(
    "phrase",
    [
        f"`servers_max` ({CONFIG.servers_max:,})",
        f"once more for each {PLACE_BYTES // 1024} KiB of it",
        f"`origins_max` ({CONFIG.origins_max:,})",
        f"`starts_max` ({CONFIG.starts_max:,})",
        f"`accounts_max` ({CONFIG.accounts_max:,})",
        f"`claims_max` ({CONFIG.claims_max:,})",
        f"until its end, {CONFIG.lock_limit + 5:g} s at most",
        f"`server_registrations_per_minute` ({CONFIG.server_registrations_per_minute:,g})",
        f"`document`: {DOCUMENT_BYTES_MAX // 1024} KiB; `claim` {CLAIM_CHARACTERS_MAX} characters",
        f"have {CONFIG.documents_bytes_max // 2**20} MiB at a server (`documents_bytes_max`)",
        f"each counted with {OVERHEAD} bytes more",
        f"when {WRITERS_REMEMBERED:,} accounts wrote; what {WAITING_MAX:,} accounts want sooner",
        f"{TAKEN_A_SECOND:g} versions of a neighbour a second, {TAKEN_AT_ONCE:,g} at once",
        f"`versions` {LISTED_MAX}",
        f"`claims` {WANTED_MAX}",
        f"of {BUCKETS}.",
        f"for {BARRED_FOR / 60:g} minutes `SERVER_REFUSED` (`barred`)",
        f"`vector`: {LONG_VECTOR_BYTES_MAX // 1024} KiB, the latest starts first; `beyond` {BEYOND_MAX}",
        f"`upto`, `vector`: {VECTOR_BYTES_MAX // 1024} KiB each",
        f"{LINKS_TOLD_MAX:,} links",
        f"Of base servers {ATTACHED_MAX} at a server",
        f"{absence.KNOWN_MAX:,} absences",
        f"pages of {PAGE_BYTES // 1024} KiB",
        f"in pieces of {USER_INFO_CHUNK_BYTES // 1024} KiB",
        f"{KNOWN_MAX:,} base servers to look after",
        f"{REFS_MAX:,} refs and {SENDERS_MAX:,} senders",
        f"{KEYS_MAX:,} keys of one account",
        f"{CHANGES_AN_HOUR_MAX} an hour, {CHANGES_MAX:,} in all",
        f"`status`: {STATUS_BYTES_MAX // 1024} KiB",
        f"its last {ClientSettings().writes_max} activities",
    ],
)
def test_the_figures_of_the_table_are_those_of_the_code(phrase: str) -> None:
    assert phrase in " ".join(PROTOCOL.split())
