"""An activity in full: a tree whose values open and close, spelt as they came, and the object as it came."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot

from tests.tui.driving import ready, settled, until
from tui.feed.object_tree import CHILDREN_MAX, ObjectTree
from tui.widgets.object_view import ObjectView

BODY = b'{"type":"Create","n":123456789012345678901234567890,"f":1.50,"object":{"tags":[{"name":"a"},{"name":"b"}]}}'


def outline(tree: ObjectTree) -> list[str]:
    return [f"{'  ' * node.depth}{node.key}: {node.words}" for node in tree.rows()]


def test_values_are_spelt_as_they_came_and_the_first_levels_are_open() -> None:
    assert outline(ObjectTree(BODY)) == [
        'type: "Create"',
        "n: 123456789012345678901234567890",
        "f: 1.50",
        "object: 1 member",
        "  tags: 2 elements",
        "    0: 1 member: name",
        "    1: 1 member: name",
    ]


def test_a_value_is_opened_and_closed() -> None:
    tree = ObjectTree(BODY)
    object_ = tree.rows()[3]
    object_.is_open = False
    assert outline(tree)[3:] == ["object: 1 member: tags"]
    object_.is_open = True
    tree.rows()[5].is_open = True
    assert outline(tree)[5:7] == ["    0: 1 member", '      name: "a"']


def test_a_large_object_is_open_at_its_first_level_only_and_has_a_bound() -> None:
    tree = ObjectTree(json.dumps({"list": list(range(5_000)), "more": {str(one): one for one in range(90)}}).encode())
    assert [node.is_open for node in tree.rows()] == [False, False]
    listed = tree.rows()[0]
    listed.is_open = True
    assert len(tree.rows()) == 2 + CHILDREN_MAX
    assert listed.left_out == 5_000 - CHILDREN_MAX
    assert listed.words == "5000 elements"


@given(st.binary() | st.recursive(st.none() | st.text() | st.integers(), lambda one: st.lists(one)).map(json.dumps))
def test_whatever_came_is_shown_somehow_and_nothing_of_it_moves_the_cursor(body: bytes | str) -> None:
    shown = outline(ObjectTree(body.encode() if isinstance(body, str) else body))
    assert not any(ord(character) < 32 or character == "\x9b" for line in shown for character in line)


def shown(view: ObjectView) -> list[str]:
    return [view.render_line(y).text[1:-1].rstrip() for y in range(view.size.height)]


async def inspected(pilot: Pilot[int]) -> ObjectView:
    await ready(pilot)
    await pilot.press("escape", "k", "enter")
    await until(pilot, lambda: pilot.app.focused is not None and pilot.app.focused.id == "reading")
    await settled(pilot)
    found = pilot.app.focused
    assert isinstance(found, ObjectView)
    return found


async def test_the_keys_open_and_close_and_go_to_what_a_value_stands_in(world) -> None:
    app = world.app()
    async with app.run_test(size=(100, 40)) as pilot:
        await ready(pilot)
        world.arrives(
            "bob", {"type": "Create", "object": {"type": "Note", "content": "hello", "tag": {"deep": [1, 2]}}}
        )
        world.says("bob", "last")
        view = await inspected(pilot)
        text = "\n".join(shown(view))
        assert 'content: "hello"' in text and "tag: 1 member" in text
        assert "here      2026-11-22 12:00:00" in text
        place = next(number for number, line in enumerate(shown(view)) if "tag:" in line)
        view.select(place)
        await pilot.press("left")
        await settled(pilot)
        assert "tag: 1 member: deep" in "\n".join(shown(view))
        await pilot.press("left")
        await settled(pilot)
        assert view.selected is not None and "object:" in shown(view)[view.selected]
        await pilot.press("enter")
        await settled(pilot)
        assert "content" not in "\n".join(shown(view)).replace("type, content", "")
        await pilot.press("right")
        await settled(pilot)
        assert 'content: "hello"' in "\n".join(shown(view))


async def test_the_object_as_it_came_is_the_last_thing_and_opens(world) -> None:
    app = world.app()
    async with app.run_test(size=(100, 40)) as pilot:
        await ready(pilot)
        world.arrives("bob", {"type": "Note", "content": "hello", "n": 1.5})
        world.says("bob", "last")
        view = await inspected(pilot)
        await pilot.press("G", "enter")
        await settled(pilot)
        text = "\n".join(shown(view))
        assert '{"type":"Note","content":"hello","n":1.5,"authenticated_user":"bob"}' in text
