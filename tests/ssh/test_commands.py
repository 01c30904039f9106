"""Commands over the real OpenSSH client, without a terminal."""

from __future__ import annotations

import asyncio
import json
import shlex
import time

from tests.ssh.conftest import Place, serving


async def test_help_tells_what_there_is(place: Place):
    status, output, _ = await place.run("anonymous", "help")
    assert status == 0
    for word in ("post", "tail", "status", "keys", "feed"):
        assert f"ssh HOST {word}" in output or f"ssh -t HOST {word}" in output


async def test_a_note_is_posted_and_its_identity_printed(place: Place):
    status, output, errors = await place.run("anonymous", "post", "'hello   there'")
    assert (status, errors) == (0, "")
    assert output.startswith("accepted ")
    _, feed, _ = await place.run("anonymous", "tail", "--since", "10", "--no-follow")
    assert feed.endswith("anonymous: hello   there\n")


async def test_a_text_is_posted_as_it_stands_whatever_shells_make_of_such(place: Place):
    texts = ["it's done", 'say "hi"  twice', "deploy --force #ops", "-- --since 5", "a\\nb $HOME `id` * | ; &&"]
    for text in texts:
        status, output, errors = await place.run("anonymous", "post", text)
        assert status == 0 and output.startswith("accepted "), errors
    assert (await place.run("anonymous", "post", "--json", '{"type": "Note", "content": "two words"}'))[0] == 0
    _, feed, _ = await place.run("anonymous", "tail", "--since=10", "--no-follow")
    shown = [line.partition("anonymous: ")[2] for line in feed.splitlines()]
    assert shown[:5] == [text.removeprefix("-- ") for text in texts] and "two words" in shown[5]
    for wrong in ("--quiet x", "", "--json"):
        status, _, errors = await place.run("anonymous", "post", wrong)
        assert status == 2 and ("no option" in errors or "nothing to post" in errors)


async def test_each_line_of_standard_input_is_posted(place: Place):
    status, output, _ = await place.run("anonymous", "post", "-", given=b"one\n\ntwo\nthree without an end")
    assert status == 0
    assert output.count("accepted ") == 3


async def test_whoever_posts_without_end_is_slowed_down(tmp_path):
    async with serving(tmp_path, message_rate=10.0) as place:
        before = time.perf_counter()
        status, output, _ = await place.run("anonymous", "post", "-", given=b"again\n" * 35)
        assert status == 0 and output.count("accepted ") == 35
        assert time.perf_counter() - before > 0.4


async def test_what_is_no_activity_is_refused_with_status_4(place: Place):
    status, output, _ = await place.run("anonymous", "post", "--json", "-", given=b'{"type": "Like"}\nnonsense\n')
    assert status == 4
    assert [line.split()[0] for line in output.splitlines()] == ["accepted", "refused"]


async def test_the_feed_comes_as_json_one_activity_a_line(place: Place):
    for words in ("first", "second"):
        await place.run("anonymous", "post", words)
    status, output, _ = await place.run("anonymous", "tail", "--json", "--since", "1h", "--no-follow")
    assert status == 0
    assert [json.loads(line)["object"]["content"] for line in output.splitlines()] == ["first", "second"]


async def test_the_status_is_told_as_a_table_and_as_json(place: Place):
    status, table, _ = await place.run("anonymous", "status")
    assert status == 0 and table.startswith("ada at 127.0.0.1:")
    _, told, _ = await place.run("anonymous", "status", "--json")
    assert json.loads(told)["name"] == "ada"


async def test_keys_are_listed_added_and_removed_and_open_the_account_at_once(place: Place):
    await place.register("grace", key="one")
    other = place.key("other").with_suffix(".pub").read_text().strip()
    assert (await place.run("grace", "keys", key="other"))[0] == 255
    status, output, _ = await place.run("grace", "keys", "add", f"'{other}'", key="one")
    assert status == 0 and output.startswith("bound SHA256:")
    status, listed, _ = await place.run("grace", "keys", key="other")
    assert status == 0 and [line[0] for line in listed.splitlines()] == ["1", "2"]
    assert (await place.run("grace", "keys", "remove", "1", key="other"))[0] == 0
    assert (await place.run("grace", "keys", key="one"))[0] == 255


async def test_a_key_that_is_bound_or_removed_at_one_server_is_so_at_every_server(tmp_path):
    async with serving(tmp_path) as place, serving(tmp_path, "bob", place.node.advertised) as other:
        await place.register("grace", key="one")
        await place.until(lambda: other.keys("grace") == ["one"])
        assert (await other.run("grace", "keys", "add", key="one"))[1].startswith("known already SHA256:")
        other_key = place.key("other").with_suffix(".pub").read_bytes()
        status, output, _ = await other.run("grace", "keys", "add", "-", key="one", given=other_key)
        assert status == 0 and output.startswith("bound SHA256:")
        await place.until(lambda: place.keys("grace") == ["one", "other"])
        assert (await place.run("grace", "keys", "remove", "one", key="other"))[0] == 0
        await place.until(lambda: other.keys("grace") == ["other"])
        assert (await other.run("grace", "keys", key="one"))[0] == 255
        assert (await other.run("grace", "keys", key="other"))[0] == 0


async def test_keys_may_be_called_anything_and_show_no_escape_codes(place: Place):
    await place.register("grace", key="one")
    public = " ".join(place.key("two").with_suffix(".pub").read_text().split()[:2])
    status, _, errors = await place.run("grace", "keys", "add", f"{public} grace's old laptop", key="one")
    assert status == 0, errors
    fact = place.node.account("grace")
    assert fact is not None
    three = " ".join(place.key("three").with_suffix(".pub").read_text().split()[:2])
    await place.node.change_key(fact.claim, three, "\x1b[31mred\n", bound=True)
    _, listed, _ = await place.run("grace", "keys", key="one")
    assert "  grace's old laptop\n" in listed and "\x1b" not in listed and len(listed.splitlines()) == 3
    assert (await place.run("grace", "keys", "remove", "grace's old laptop", key="one"))[0] == 0
    assert place.keys("grace")[:1] == ["one"] and len(place.keys("grace")) == 2


async def test_what_is_no_public_key_is_not_bound(place: Place):
    await place.register("grace", key="one")
    for text in ("nonsense", "ssh-ed25519 AAAA", place.key("one").read_text()):
        status, output, errors = await place.run("grace", "keys", "add", "-", key="one", given=text.encode())
        assert (status, output) == (2, "") and "no public key" in errors
    status, _, errors = await place.run("grace", "keys", "remove", "nine", key="one")
    assert status == 1 and "no key of yours is 'nine'" in errors


async def test_an_account_has_only_so_many_keys(tmp_path):
    async with serving(tmp_path, keys_max=1) as place:
        await place.register("grace", key="one")
        other = place.key("other").with_suffix(".pub").read_bytes()
        status, _, errors = await place.run("grace", "keys", "add", "-", key="one", given=other)
        assert status == 1 and "at most 1 keys" in errors


async def test_without_a_terminal_the_application_says_what_to_do(place: Place):
    status, output, errors = await place.run("anonymous")
    assert (status, output) == (1, "")
    assert "ssh -t" in errors and "help" in errors


async def test_a_command_that_is_given_a_terminal_uses_it_as_one(place: Place):
    async with place.terminal("anonymous", "status", options=("-t",)) as terminal:
        assert await terminal.status() == 0
        assert b"\r\n" in terminal.output and b"\n" not in terminal.output.replace(b"\r\n", b"")
    async with place.terminal("anonymous", "post", "-", options=("-t",)) as terminal:
        terminal.type("hellö\x7fo \x15from a terminax\x7fl\r")
        await terminal.shows("accepted ")
        assert b"hell\xc3\xb6\x08 \x08o" in terminal.output
        terminal.type("\x04")
        assert await terminal.status() == 0
    async with place.terminal("anonymous", "tail", "--since", "10", options=("-t",)) as terminal:
        await terminal.shows("from a terminal")
        terminal.type("\x03")
        assert await terminal.status() == 130


async def test_an_unknown_command_is_an_error_of_usage(place: Place):
    status, output, errors = await place.run("anonymous", "/bin/sh", "-c", "id")
    assert (status, output) == (2, "")
    assert "'/bin/sh' is no command here" in errors


async def test_a_newcomer_can_do_nothing_before_the_name_is_registered(place: Place):
    status, output, errors = await place.run("nobody-yet", "post", "hello", key="nobody-yet")
    assert (status, output) == (4, "")
    assert "registered" in errors
    assert place.node.account("nobody-yet") is None


async def test_a_feed_of_which_nobody_reads_more_ends(place: Place):
    """As in `ssh HOST tail | head -2`, in which nothing else is typed or ends."""
    words = " ".join(shlex.quote(word) for word in place.command("anonymous", "tail", options=("-o", "BatchMode=yes")))
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", f"{words} | head -2; echo status ${{PIPESTATUS[0]}}"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    await place.until(lambda: place.node.snapshot().load == 1)
    assert process.stdout is not None
    ended = asyncio.create_task(process.stdout.read())
    async with asyncio.timeout(20), await place.connect("anonymous") as conn:
        while not ended.done():
            await conn.run("post again")
    output = await ended
    await process.wait()
    assert output.decode().count("again") == 2 and output.decode().endswith("status 0\n")
    await place.until(lambda: not place.ssh.sessions())


async def test_queues_are_not_told_over_ssh_where_everybody_has_an_account(place: Place):
    status, told, error = await place.run("anonymous", "status", "--queues")
    assert (status, told) == (2, "")
    assert "--queues needs the network's secret" in error


async def test_what_was_edited_and_removed_since_is_told_so_over_ssh_too(place: Place):
    await place.register("ann", key="ann")

    async def posts(*words: str) -> str:
        status, output, errors = await place.run("ann", "post", *words, key="ann")
        assert status == 0, errors
        return output.split()[2]

    cake, secret = await posts("the cake is read"), await posts("the cake is stolen")
    await posts("--edit", cake, "the cake is ready")
    await posts("--remove", secret)
    liked = await place.run("anonymous", "post", "--in-reply-to", secret, "which cake?")
    assert liked[0] == 0
    _, feed, _ = await place.run("anonymous", "tail", "--since", "5", "--no-follow")
    said = [line.partition("  ")[2] for line in feed.splitlines()]
    assert said[:2] == ["ann: the cake is ready  edited", "ann: (removed)"]
    assert said[4] == "anonymous: replied to ann (removed): which cake?" and "stolen" not in feed
    _, last, _ = await place.run("anonymous", "tail", "--since", "1", "--no-follow")
    assert last.partition("  ")[2] == "anonymous: replied to ann (removed): which cake?\n"
    status, found, errors = await place.run("anonymous", "search", "--json cake type:Note from:ann not type:Update")
    assert status == 0, errors
    (line,) = found.splitlines()
    assert json.loads(line)["activity"]["object"]["content"] == "the cake is ready"
    status, found, _ = await place.run("anonymous", "search", "--as-posted stolen")
    assert status == 0 and found.endswith("ann: the cake is stolen\n")


async def test_events_tell_what_happened_to_servers_and_people_and_no_address(place: Place):
    status, output, errors = await place.run("anonymous", "events", "--since", "1h")
    assert (status, errors) == (0, "")
    assert " started with no activities yet." in output.splitlines()[0]
    status, output, _ = await place.run("anonymous", "events", "--json")
    found = [json.loads(line) for line in output.splitlines()]
    assert status == 0 and found[0]["kind"] == "start"
    assert "127.0.0.1" not in output and '"remark"' not in output
    for wrong in (("--since", "yesterday"), ("--nonsense",)):
        status, _, errors = await place.run("anonymous", "events", *wrong)
        assert status == 2 and errors
