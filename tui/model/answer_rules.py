"""What a person may answer to an activity, and why not: each reason is a sentence for them."""

from __future__ import annotations

from core.answers import EntryReference, PostReference, Reaction, Reference
from core.wire import ANONYMOUS
from tui.feed.activities import sentence
from tui.feed.feed_answers import answer_of, reference_of
from tui.feed.feed_item import FeedItem
from tui.model.client_model import ClientModel

NOT_TAKEN = "No server has taken that line yet: it can be answered once one has."
NO_NAME = "This server does not tell which activity that is, so nothing can be said to it."
GONE = "That was removed: nothing more can be said to it."


class CannotAnswer(Exception):
    """The text is a sentence that says why."""


def may_reply(item: FeedItem, model: ClientModel) -> Reference:
    """What names an activity to which somebody replies. Raises CannotAnswer."""
    if item.state != "arrived":
        raise CannotAnswer(NOT_TAKEN)
    reference = reference_of(item)
    if reference is None:
        raise CannotAnswer(NO_NAME)
    if model.feed.answers.of(item).removed:
        raise CannotAnswer(GONE)
    return reference


def may_react(item: FeedItem, model: ClientModel) -> Reference:
    """What names an activity to which somebody reacts. Raises CannotAnswer."""
    reference = may_reply(item, model)
    if reacts_as(model) is None:
        raise CannotAnswer(
            "anonymous people cannot react: nobody could tell whose reaction it is. /login gives you a name."
        )
    on_their_way = (answer_of(one) for one in model.feed.pending() if one.state in ("sending", "accepted"))
    if any(one is not None and one.kind in ("reaction", "undo") and one.about == reference for one in on_their_way):
        raise CannotAnswer("Your reaction is still on its way.")
    return reference


def may_change(item: FeedItem, model: ClientModel, verb: str) -> PostReference:
    """What names an activity that somebody edits or removes, as `verb` says. Raises CannotAnswer."""
    reference = may_reply(item, model)
    if item.sender == ANONYMOUS:
        raise CannotAnswer(f"What anonymous people write is nobody's: nobody can {verb} it.")
    if isinstance(reference, PostReference) and model.claim is not None and reference.claim == model.claim:
        return reference
    if not item.own:
        raise CannotAnswer(f"Only who wrote it can {verb} it.")
    if isinstance(reference, EntryReference):
        raise CannotAnswer(f"A program wrote it that gives activities no names, so nobody can {verb} it.")
    raise CannotAnswer(f"This server does not tell which account is yours, so you cannot {verb} it here.")


def may_edit(item: FeedItem, model: ClientModel) -> PostReference:
    """The same of one that is edited: only texts are. Raises CannotAnswer."""
    reference = may_change(item, model, "edit")
    if "Note" not in sentence(item.body).types:
        raise CannotAnswer("Only a text can be edited here.")
    return reference


def reacts_as(model: ClientModel) -> str | None:
    """By what a person's reactions are told from others'; None for anonymous."""
    if model.known_name is None:
        return None
    return model.claim or f"@{model.known_name}"


def own_reaction(reference: Reference, model: ClientModel) -> Reaction | None:
    """How a person reacts to an activity now."""
    by = reacts_as(model)
    return None if by is None else model.feed.answers.table.reaction(reference, by, model.known_name or "")
