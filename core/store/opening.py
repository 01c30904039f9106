"""Opens a node's data directory for a new start: what is there is checked, migrated, and given a new incarnation."""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from core.store import backup, data_directory, identity_copy, loss, witness
from core.store.behind import Behind
from core.store.checksums import check, checksum
from core.store.data_directory import DataDirectory
from core.store.database import CACHE_KIB, connect, transaction
from core.store.files import open_private, sync_directory
from core.store.grouping import Chain
from core.store.held_rows import pack_past, read_held
from core.store.holding import WITH_RECORDS
from core.store.identity import (
    LEAP_MAX,
    SIGNS_FROM_SETTING,
    NewIdentity,
    check_node_id,
    check_settings,
    identify,
    keep_once,
    next_incarnation,
)
from core.store.loss import KnownPast, OnLoss
from core.store.mending import is_damage, mend
from core.store.not_again import note_not_again
from core.store.own_starts import note_start
from core.store.record_rows import DamagedRecord
from core.store.recovery import catch_up, recovered
from core.store.retention import KEEP_EVERYTHING, Retention
from core.store.schema import CURRENT, VERSION_BEFORE, Schema, migrate, version_of
from core.store.sqlite import SqliteStore
from core.store.store_errors import DataDirectoryUnusable, NotSalvageable, StoreError
from core.wire.entries import Stream
from core.wire.entry_runs import NO_ENTRIES, count_of, named
from core.wire.recovered import Recovered
from core.wire.signing import Signer

log = logging.getLogger(__name__)


def open_store(
    data_dir: Path,
    *,
    node_id_factory: Callable[[], str] | None = None,
    identity_factory: Callable[[], NewIdentity] | None = None,
    wall: float,
    retention: Retention = KEEP_EVERYTHING,
    schema: Schema = CURRENT,
    on_loss: OnLoss = "refuse",
    signer: Signer | None = None,
    alone: bool = True,
) -> tuple[SqliteStore, Recovered]:
    """Open the store in `data_dir`, made if it is not there, for a new start of its node.

    `identity_factory` makes a key for a node that has none yet, and an id of it for one that has none either; with
    `node_id_factory` alone, which names such a node, there are no keys (see `node_id`). `wall` is seconds since 1970.
    The new incarnation is synced when this returns. Data of an older schema is migrated, after a backup into
    `backups/`. What is to be told to a person is in the store's `findings`. `signer` seals what the node accepts; it
    may be set later.

    A damaged database is made anew of what can be read of it (see `salvage`); `alone`: no neighbour is known of whom
    the rest could be asked, but for those that the data names.

    Raises DataLost unless `on_loss` says otherwise, DataDirectoryInUse, DataDirectoryUnusable, SchemaTooNew, and what
    the factories do.
    """
    directory = data_directory.claim(data_dir)
    past: KnownPast | None = None

    def start(known: KnownPast) -> tuple[SqliteStore, Recovered]:
        return _start(directory, known, schema, node_id_factory, identity_factory, wall, retention, on_loss, signer)

    def mended(known: KnownPast, what: str) -> KnownPast:
        return _mended(directory, known, schema, on_loss, with_key=identity_factory is not None, alone=alone, what=what)

    try:
        past = loss.examine(directory, on_loss)
        past = mended(past, past.unread)
        try:
            return start(past)
        except (sqlite3.DatabaseError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            if not is_damage(error):
                raise
            past = mended(past, str(error))
            return start(past)
    except BaseException as error:
        directory.release()
        if isinstance(error, OSError):
            raise data_directory.unusable(directory.path, error) from error
        if isinstance(error, sqlite3.Error | msgspec.MsgspecError | UnicodeDecodeError):
            raise _refused(directory, error, past) from error
        raise


def _start(
    directory: DataDirectory,
    past: KnownPast,
    schema: Schema,
    node_id_factory: Callable[[], str] | None,
    identity_factory: Callable[[], NewIdentity] | None,
    wall: float,
    retention: Retention,
    on_loss: OnLoss,
    signer: Signer | None,
) -> tuple[SqliteStore, Recovered]:
    def damaged(damage: DamagedRecord) -> None:
        directory.findings.append(f"{directory.database}: {damage}; what it held is asked for again")

    existed = directory.database.exists()
    os.close(open_private(directory.database))
    if not existed:
        sync_directory(directory.path)
    connection = connect(directory, schema)
    try:
        is_as_examined = not _upgrade(connection, directory, schema, past, on_loss)
        # What a start reads is not read again.
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB // 8}")
        check_settings(connection)
        node, last, incarnation = _begin(connection, node_id_factory, identity_factory, wall, past, on_loss)
        held = past.followed if is_as_examined and past.followed is not None else read_held(connection)
        with transaction(connection):
            pack_past(connection, held)
        behind = Behind(connection, held)
        catch_up(connection, behind, held, damaged)
        past.tell_of_backups(node, held)
        with transaction(connection):
            starts = note_start(connection, last, incarnation, behind.totals.upto + 1)
            not_again = note_not_again(connection, held, behind.counted.runs)
        handed = recovered(connection, node, incarnation, held, behind, starts, not_again, damaged)
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        directory.remember()
        size = os.stat(directory.database).st_size
        notes = witness.Notes.begin(directory.path, witness.Witness(node, incarnation, held.received, size, open=True))
        identity_copy.keep(directory.path, node, connection)
        chain = Chain(Stream(node, incarnation), signer)
        store = SqliteStore(directory, connection, held, retention, chain, notes, schema)
        store.ended_badly = past.witness is not None and past.witness.open
        return store, handed
    except BaseException:
        connection.close()
        raise


def _mended(
    directory: DataDirectory,
    past: KnownPast,
    schema: Schema,
    on_loss: OnLoss,
    *,
    with_key: bool,
    alone: bool,
    what: str,
) -> KnownPast:
    """What there was, once a damaged database has been made anew. Raises DataDirectoryUnusable, OSError."""
    try:
        mended = mend(directory, past, schema, with_key=with_key, alone=alone, what=what)
    except NotSalvageable as error:
        if past.unread:
            raise past.lost(past.unread, remains=True) from error
        if on_loss == "renew":
            loss.begin_anew(directory, f"{directory.database} is damaged ({error})")
            return loss.examine(directory, on_loss)
        raise _refused(directory, error, past) from error
    return loss.examine(directory, on_loss) if mended else past


def _refused(directory: DataDirectory, error: Exception, past: KnownPast | None) -> DataDirectoryUnusable:
    if past is None or not is_damage(error):
        return data_directory.unusable(directory.path, error)
    what = f"the data in {directory.database} is damaged or not a node's ({error})"
    if past.trace:
        return past.lost(f"{what}; restore one of the backups", remains=False)
    return DataDirectoryUnusable(
        f"{what}; restore one of the backups in {directory.backups}, or choose another data directory"
    )


def _upgrade(
    connection: sqlite3.Connection, directory: DataDirectory, schema: Schema, past: KnownPast, on_loss: OnLoss
) -> bool:
    """Bring the data to this version; whether they were of another one."""
    version = version_of(connection, schema, str(directory.database))
    if version == schema.version:
        return False
    if not version:
        past.require_new(on_loss)
    # Without an owner it is a first start that was killed before it was through.
    is_upgrade = version > 0 and connection.execute("SELECT count(*) FROM node").fetchone() != (0,)
    if is_upgrade:
        # A start that finds everything as it is to be reads none of this.
        from core.store.before_records import leave_out_damaged
        from core.store.verifying import structure

        log.warning(
            "%s is of version %d: it is brought to version %d, after a backup; that takes about %d s",
            *(directory.database, version, schema.version, _seconds_of_migration(directory)),
        )
        began = time.monotonic()
        damaged = next(structure(connection), None)
        if damaged is not None:
            # It would be found in the backup, and taken for the disk's fault.
            raise sqlite3.DatabaseError(damaged.what)
        try:
            saved = backup.write_backup(directory.database, directory.backups, f"before-schema-{schema.version}")
        except StoreError as error:
            raise DataDirectoryUnusable(
                f"the data in {directory.path} is of an older version and is not changed without a backup:"
                f" {error.sentence}"
            ) from error
        lost = leave_out_damaged(connection) if version < WITH_RECORDS else NO_ENTRIES
        if lost:
            directory.findings.append(
                f"{directory.database} was damaged: {count_of(lost)} of its entries were none any more"
                f" ({named(lost)}); the other servers are asked for them, and what none of them has is lost"
            )
    migrate(connection, schema, version)
    if is_upgrade:
        # The pages that the old tables were in are given back.
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        directory.findings.append(
            f"the data in {directory.path} was of version {version}, and is of version {schema.version} now (it took"
            f" {time.monotonic() - began:.0f} s); {saved} holds it as it was, and `activity-tui downgrade` writes"
            f" it as of version {VERSION_BEFORE}, with what has come since"
        )
    return True


def _seconds_of_migration(directory: DataDirectory) -> int:
    """About how long: a hundred thousand activities took 1.5 s of processor time, of which a server has some left."""
    return 1 + os.stat(directory.database).st_size * 50 // 1_000_000_000


def _begin(
    connection: sqlite3.Connection,
    node_id_factory: Callable[[], str] | None,
    identity_factory: Callable[[], NewIdentity] | None,
    wall: float,
    past: KnownPast,
    on_loss: OnLoss,
) -> tuple[str, int, int]:
    """The node's id, the incarnation that its data knew last, and that of this start."""
    leap = secrets.randbelow(LEAP_MAX)
    with transaction(connection):
        row = connection.execute("SELECT id, incarnation, sum FROM node").fetchone()
        if row is None:
            past.require_new(on_loss)
        else:
            check("node", row[2], checksum(*row[:2]))
        name = row[0] if row is not None else node_id_factory() if node_id_factory is not None else None
        if identity_factory is not None:
            name = identify(connection, name, identity_factory)
        node = check_node_id(name or "")
        if row is None:
            incarnation = next_incarnation(0, wall, leap)
            connection.execute("INSERT INTO node VALUES (?, ?, 0)", (node, incarnation))
        else:
            incarnation = next_incarnation(max(row[1], past.incarnation_of(node)), wall, leap)
        if identity_factory is not None:
            keep_once(connection, SIGNS_FROM_SETTING, str(incarnation))
        connection.execute("UPDATE node SET incarnation = ?, sum = ?", (incarnation, checksum(node, incarnation)))
    return node, 0 if row is None else row[1], incarnation
