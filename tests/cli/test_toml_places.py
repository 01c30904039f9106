"""Where keys stand in a TOML file: what somebody is told who has to mend one of them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.cli.toml_places import KeyPlace, key_places

DOCUMENT = """\
# port = 1
port = 3780
"quoted key" = 1 # host = 2
text = '''
host = 3
'''
other = QQQ a \\QQQ host = 4
QQQ
numbers = [
  1, # a = 5
  "]", {x = 1, y.z = "}"},
]
at = 1979-05-27 07:32:00

[keys]
feed.write = "a"
  "pane.zoom" = ["b", "c"]

[keys.rows] # far
'down' = "j"

[[several]]
name = {first = 1, last = "#"}
""".replace("QQQ", '"' * 3)


def test_every_key_is_found_where_it_begins_and_nothing_in_texts_and_comments_is_one() -> None:
    tomllib.loads(DOCUMENT)
    places = {".".join(path): (place.line, place.column) for path, place in key_places(DOCUMENT).items()}
    assert places == {
        "port": (2, 1),
        "quoted key": (3, 1),
        "text": (4, 1),
        "other": (7, 1),
        "numbers": (9, 1),
        "numbers.x": (11, 9),
        "numbers.y": (11, 16),
        "numbers.y.z": (11, 16),
        "at": (13, 1),
        "keys": (15, 2),
        "keys.feed": (16, 1),
        "keys.feed.write": (16, 1),
        "keys.pane.zoom": (17, 3),
        "keys.rows": (19, 2),
        "keys.rows.down": (20, 1),
        "several": (22, 3),
        "several.name": (23, 1),
        "several.name.first": (23, 9),
        "several.name.last": (23, 20),
    }


@pytest.mark.parametrize("document", ["", "\n\n", "# nothing", "a = 1", "a=[]", "a={}", 'a = ""', "[a]"])
def test_the_smallest_documents_are_gone_over(document: str) -> None:
    tomllib.loads(document)
    assert list(key_places(document)) == ([("a",)] if "a" in document.removeprefix("# nothing") else [])


def _paths(table: dict[str, object], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in table.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from _paths(value, (*above, key))


@given(st.text("ab.=[]{}\"'#\n, 1\\_-", max_size=40))
def test_whatever_is_toml_is_gone_over_to_its_end_and_has_each_key_in_one_place(document: str) -> None:
    try:
        found = tomllib.loads(document)
    except tomllib.TOMLDecodeError:
        return
    places = key_places(document)
    assert set(_paths(found)) <= set(places)
    lines = document.split("\n")
    for path, place in places.items():
        begun = lines[place.line - 1][place.column - 1 :]
        assert begun[:1] in "\"'" or begun.startswith(path)
    assert all(isinstance(place, KeyPlace) for place in places.values())
