"""Other words for actions, by which people look for them in the command palette."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SYNONYMS: Final[Mapping[str, str]] = {
    "pane.feed": "timeline, messages, posts, home",
    "pane.connections": "links, clients, peers, sockets",
    "pane.users": "people, who, members, accounts",
    "pane.events": "log, history, what happened",
    "pane.network": "servers, tree, topology, map",
    "pane.zoom": "maximize, full screen, enlarge",
    "feed.write": "post, compose, say, send, message",
    "feed.filter": "search, find, look for",
    "feed.context": "only matches, hide the rest",
    "feed.next_match": "find next, search again",
    "feed.previous_match": "find previous, search back",
    "feed.hits": "results, search results, find all, matches",
    "feed.go": "jump, time, past, history, day, goto",
    "feed.next_unread": "jump to new, unseen, where I was",
    "feed.mentions": "mention, to me, direct, inbox, replies, notifications",
    "feed.views": "saved searches, saved filters, lists, channels",
    "feed.tag": "topic, channel, hashtag",
    "feed.mute": "ignore, block, hide, silence",
    "feed.show_hidden": "unfold, expand, muted, reveal",
    "feed.hide_again": "fold, collapse, muted",
    "feed.read_all": "mark as read, catch up, clear unread",
    "feed.inspect": "open, details, raw, json",
    "feed.copy": "yank, clipboard",
    "feed.copy_text": "yank, clipboard, quote",
    "feed.open_link": "browse, browser, url, web, address",
    "feed.copy_link": "yank, clipboard, url, address",
    "rows.top": "beginning, oldest, first, go to start",
    "rows.end": "bottom, newest, latest, follow, live",
    "rows.sort": "order",
    "network.share": "invite, join command, link, add people",
    "network.invite_server": "add a server, code, admission",
    "network.join": "connect, link, dial",
    "network.disconnect": "kick, cut, close, end",
    "network.order": "moderate, silence, ban, kick, remove, delete, expel, operator, admin",
    "network.backup": "save, snapshot, export",
    "application.identity": "login, log in, register, nick, name, user, account, sign in, switch user, log out",
    "application.secret": "password, passwd, passphrase",
    "application.help": "keys, shortcuts, commands, manual",
    "application.theme": "colours, colors, dark, light, mode",
    "application.bell": "sound, notify, notification, ring, mention",
    "application.quit": "exit, leave, stop, close, end",
}
"""Several for one action are parted by commas."""
