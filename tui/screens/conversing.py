"""What a person answers to an activity: in words, by a reaction, and to their own by an edit or a removal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import msgspec
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from core.answers import Reference, answer_body, read_reference, unnamed_undone
from tui.feed import answer_sentences
from tui.feed.activities import note, plain_text
from tui.feed.answer_sentences import LIKE, quote, who
from tui.feed.feed_answers import reference_of
from tui.feed.feed_item import UNPLACED_SERIAL, FeedItem
from tui.model.answer_rules import CannotAnswer, may_change, may_edit, may_react, may_reply, own_reaction
from tui.model.network_faces import ActivityInput
from tui.remembered.drafts import AnsweredDraft
from tui.screens.asking import ConfirmScreen
from tui.screens.dialog import DialogScreen
from tui.screens.writing import WritingScreen
from tui.text.fitting import fit
from tui.text.safe_text import well_formed
from tui.user_actions.action_registry import bindings

REACTIONS: Final = (
    (LIKE, "I like it"),
    ("\N{THUMBS UP SIGN}", "yes, agreed"),
    ("\N{THUMBS DOWN SIGN}", "no"),
    ("\N{GRINNING FACE}", "funny"),
    ("\N{PARTY POPPER}", "hooray"),
    ("\N{EYES}", "I am looking at it"),
    ("\N{ROCKET}", "on its way"),
    ("\N{CONFUSED FACE}", "I do not understand"),
)
QUOTED_CHARACTERS_MAX: Final = 400
"""Of what a kept draft replies to."""
REMOVAL: Final = (
    "Nobody is shown it any more, and nobody can bring it back, you neither. Servers keep what you wrote all the same:"
    " who asks for what was posted finds it, and programs that know nothing of removals go on showing it."
)


@dataclass(frozen=True, slots=True)
class AnswerDraft:
    """What the line that is being written is going to be."""

    about: FeedItem
    reference: Reference
    edits: bool = False
    draft: str = ""
    """What stood in the line before."""

    @property
    def words(self) -> str:
        if self.edits:
            return f"Editing (Esc: leave it as it is) {quote(self.about, 200)}"
        return f"{answer_sentences.REPLY} Reply to {who(self.about)} (Esc: no reply) {quote(self.about, 200)}"

    @property
    def invitation(self) -> str:
        """What the empty place to write says."""
        return "Write what it is to say, Enter changes it" if self.edits else "Write your reply, Enter sends it"

    def activity(self, text: str) -> ActivityInput:
        """The activity that a text becomes."""
        text = well_formed(text)
        if self.edits:
            return answer_body("edit", self.reference, content=text)
        to = "" if self.about.own or self.about.sender == "anonymous" else self.about.sender
        return answer_body("reply", self.reference, content=text, to=to)


class ChooseReactionScreen(DialogScreen[str | None]):
    """How to react."""

    BINDINGS: ClassVar = bindings("form")

    def __init__(self, present: str) -> None:
        """`present`: how the person reacts now; empty if they do not."""
        super().__init__()
        self._present = present
        known = [symbol for symbol, _ in REACTIONS]
        self._choices = [*REACTIONS, *([(present, "")] if present and present not in known else [])]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "React"
            dialog.border_subtitle = "the same one again takes it back"
            yield OptionList(*(Option(self._words(*one)) for one in self._choices), markup=False, id="reactions")

    def _words(self, symbol: str, words: str) -> str:
        return f"{symbol}  {words}" + ("  (yours now: takes it back)" if symbol == self._present else "")

    def on_mount(self) -> None:
        choices = self.query_one("#reactions", OptionList)
        choices.highlighted = next((at for at, one in enumerate(self._choices) if one[0] == self._present), 0)
        choices.focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._choices[event.option_index][0])

    def action_cancel(self) -> None:
        self.dismiss(None)


class AnsweringScreen(WritingScreen):
    """The panes, with what is answered to the selected activity."""

    class AnsweringChanged(Message):
        """What is written is a reply to something else than before, or is none."""

    answering: AnswerDraft | None = None
    _usual: str | Content = ""
    """What the empty place to write says when nothing is answered."""

    @property
    def near_keys(self) -> frozenset[str]:
        """Whoever goes from match to match needs the room for how to go on, and back."""
        near = super().near_keys
        return near if self.painted and self.feed.filter else near | {"feed.reply"}

    @property
    def idle_keys(self) -> frozenset[str]:
        """Where the feed is not the pane that one is in, nobody sees what would be answered."""
        return super().idle_keys | (frozenset() if self.current == "feed" else {"feed.reply"})

    def _answerable(self) -> FeedItem | None:
        """The selected activity, if it is to be seen; else that is told."""
        return self._selected_activity() if self._feed_is_seen() else None

    def _feed_is_seen(self) -> bool:
        """Whether the feed is to be seen; else that is told."""
        seen = "feed" in self.visible_panes()
        if not seen:
            self.notify("Go to the feed first (F2), and select an activity.", markup=False, timeout=3)
        return seen

    # --- in words --------------------------------------------------------------------------------------------------

    def action_reply(self) -> None:
        """Answer the selected activity in words."""
        if (item := self._answerable()) is not None:
            self._reply_to(item)

    def _reply_to(self, item: FeedItem) -> None:
        try:
            self._begin_answer(AnswerDraft(item, may_reply(item, self.model)))
        except CannotAnswer as why:
            self._say_why(why)

    def action_edit(self) -> None:
        """Say the selected activity in other words."""
        if (item := self._answerable()) is not None:
            self._edit(item)

    def _edit(self, item: FeedItem) -> None:
        try:
            answering = AnswerDraft(item, may_edit(item, self.model), True, self._draft())
        except CannotAnswer as why:
            self._say_why(why)
            return
        self._begin_answer(answering)
        self.composer.value = plain_text(item.body)

    @property
    def unsent(self) -> str:
        # What is being edited was sent long ago.
        return self._draft()

    def _draft(self) -> str:
        before = self.answering
        return before.draft if before is not None and before.edits else self.composer.value

    def _begin_answer(self, answering: AnswerDraft) -> None:
        if self.answering is not None and self.answering.edits and not answering.edits:
            self.stop_answering()
        self.answering = answering
        self._show_answering()
        self.action_write()

    def stop_answering(self) -> None:
        """What is written is for everybody again, and stays; what was edited stays as it was."""
        before, self.answering = self.answering, None
        if before is not None and before.edits:
            self.composer.value = before.draft
        self._show_answering()

    @property
    def answered_draft(self) -> AnsweredDraft | None:
        """What the unsent text is a reply to, as it is kept."""
        found = self.answering
        if found is None or found.edits:
            return None
        words = plain_text(found.about.body)[:QUOTED_CHARACTERS_MAX]
        return AnsweredDraft(str(found.reference), found.about.sender, words, found.about.own)

    def resume_reply(self, kept: AnsweredDraft) -> None:
        """Go on with a reply that was kept, whether or not what it answers is known here."""
        reference = read_reference(kept.reference)
        if reference is None:
            return
        begun = FeedItem(UNPLACED_SERIAL, msgspec.json.encode(note(kept.words)), kept.sender, 0.0, own=kept.own)
        self.answering = AnswerDraft(self.model.feed.answers.item(reference) or begun, reference)
        self._show_answering()

    def _show_answering(self) -> None:
        self.post_message(self.AnsweringChanged())
        if not self.painted:
            return
        label = self.query_one("#answering", Static)
        self._usual = self._usual or self.composer.placeholder
        self.composer.placeholder = self._usual if self.answering is None else self.answering.invitation
        label.display = self.answering is not None
        if self.answering is not None:
            label.update(fit(self.answering.words, max(20, self.feed.size.width - 2)).rstrip())

    def on_resize(self) -> None:
        # Textual calls that of the base class by itself.
        if self.answering is not None:
            self.call_after_refresh(self._show_answering)

    def send_text(self, text: str) -> None:
        """Send what was written: to everybody, or as what it answers. Raises ValueError or ConnectionError with a
        sentence for a person."""
        answering = self.answering
        if answering is None:
            self.model.write(text)
            self.feed.action_end()
            return
        self.model.post(answering.activity(text))
        self.answering = None
        self._show_answering()
        if answering.draft:
            self.composer.give_back(answering.draft)
        if not self.feed.following:
            # Who answers something of long ago goes on reading there.
            self.notify("Sent your edit." if answering.edits else "Sent your reply.", markup=False, timeout=3)

    def action_leave_field(self) -> None:
        if self.focused is self.composer and self.answering is not None:
            self.stop_answering()
        else:
            super().action_leave_field()

    # --- without words ---------------------------------------------------------------------------------------------

    def action_like(self) -> None:
        """Like the selected activity, or not any more."""
        if (item := self._answerable()) is not None:
            self._like(item)

    def _like(self, item: FeedItem) -> None:
        self._react_to(item, LIKE)

    def action_react(self) -> None:
        """Choose how to react to the selected activity."""
        if (item := self._answerable()) is not None:
            self._choose_reaction(item)

    def _choose_reaction(self, item: FeedItem) -> None:
        try:
            present = own_reaction(may_react(item, self.model), self.model)
        except CannotAnswer as why:
            self._say_why(why)
            return
        self.app.push_screen(
            ChooseReactionScreen("" if present is None else present.symbol),
            lambda symbol: self._react_to(item, symbol) if symbol else None,
        )

    def _react_to(self, item: FeedItem, symbol: str) -> None:
        try:
            reference = may_react(item, self.model)
            present = own_reaction(reference, self.model)
            if present is not None and present.symbol == symbol:
                body = unnamed_undone(reference) if present.own is None else answer_body("undo", present.own)
            else:
                body = answer_body("reaction", reference, content=symbol)
            self.model.post(body, reads=False)
        except (CannotAnswer, ConnectionError, ValueError) as why:
            self._say_why(why)

    def action_remove(self) -> None:
        """Remove the selected activity, after asking."""
        if (item := self._answerable()) is not None:
            self._remove(item)

    def _remove(self, item: FeedItem) -> None:
        try:
            reference = may_change(item, self.model, "remove")
        except CannotAnswer as why:
            self._say_why(why)
            return

        def answered(yes: bool | None) -> None:
            if not yes:
                self.notify("It stays.", markup=False, timeout=3)
                return
            try:
                self.model.post(answer_body("removal", reference), reads=False)
            except (ConnectionError, ValueError) as why:
                self._say_why(why)

        text = f"{quote(item, 120)}\n\n{REMOVAL}"
        self.app.push_screen(ConfirmScreen("Remove this?", text, yes="Remove it", no="Keep it"), answered)

    def action_copy_reference(self) -> None:
        """Copy what names the selected activity."""
        if (item := self._answerable()) is not None:
            self._copy_reference(item)

    def _copy_reference(self, item: FeedItem) -> None:
        reference = reference_of(item)
        if reference is None:
            self.notify("No server has said yet what names this activity.", markup=False, timeout=3)
            return
        self.app.copy_to_clipboard(str(reference))
        self.notify("Copied the reference.", markup=False, timeout=3)

    def _say_why(self, why: Exception) -> None:
        self.notify(str(why), severity="warning", markup=False, timeout=4)
