"""What an application begins with: who somebody is, and how they like it, by the settings and by the last time."""

from __future__ import annotations

from core.wire import ANONYMOUS, registrable_problem
from tui.look.bell import BELL_POLICIES
from tui.look.preferences import Preferences
from tui.model.network_faces import SignIn
from tui.own_screen.person_options import PersonOptions
from tui.remembered import credentials, look_settings


def first_identity(
    person: PersonOptions, remembered: credentials.Remembered | None, at: str | None = None
) -> SignIn | None:
    """Who to be at the start: what the settings say, else who was in the application there the last time, else None:
    ask. Whom a command has remembered is nobody's choice for the screen.

    `at` is where (`credentials.HERE` or `HOST:PORT`): a secret that was taken elsewhere is not told there unasked. A
    name without a secret that is not remembered is asked about: it may be new, or mistyped.
    """
    name = person.username
    if name is None and remembered is not None:
        name = remembered.last_at(at) if at is not None else remembered.username
    if not name:
        return None
    if name == ANONYMOUS:
        return SignIn("anonymous")
    if person.secret is not None:
        return SignIn("login", name, person.secret)
    known = remembered.account(name, at) if remembered is not None and at is not None else None
    if known is not None and known.secrets:
        return SignIn("login", name, known.secrets[0], remember=True)
    if remembered is not None and remembered.username == name:
        # Files of earlier versions do not say where an account is.
        secret = remembered.secret if at is None or not remembered.accounts else None
        return SignIn("login", name, secret, remember=True) if secret is not None else None
    return None


def suggested_name(person: PersonOptions, remembered: credentials.Remembered | None, at: str) -> str:
    """A name to fill in where it is asked who somebody is: what the settings say, else who they were there the last
    time, else an account that a command has remembered there, else who they were elsewhere; "": none."""
    if person.username is not None or remembered is None:
        return person.username or ""
    last = remembered.last_at(at) or next(iter(remembered.names_at(at)), "") or remembered.username
    return last if last != ANONYMOUS else ""


def new_name(person: PersonOptions, remembered: credentials.Remembered | None) -> str:
    """A name that the settings say, and that may be one to register: nothing is remembered of it here; "": none."""
    name = person.username
    if name is None or name == ANONYMOUS or registrable_problem(name) is not None:
        return ""
    if remembered is not None and (remembered.username == name or remembered.anywhere(name) is not None):
        return ""
    return name


def first_preferences(
    person: PersonOptions, chosen: look_settings.LookSettings, *, anonymous: bool = True
) -> Preferences:
    """What the settings say, else what was chosen the last time. `anonymous`: whether nameless people may come in."""
    usual = Preferences()
    return Preferences(
        theme=person.theme or chosen.theme or usual.theme,
        bell=next((policy for policy in BELL_POLICIES if policy == chosen.bell), usual.bell),
        keymap=person.keymap,
        used_actions=chosen.used,
        anonymous=anonymous,
    )
