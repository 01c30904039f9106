"""Histories that once broke a guarantee, and taught something: none does any more.

They are kept as whole plans, because a seed means another history whenever the mix changes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
import pytest

from core.simulation.plans.plan import Plan
from core.simulation.runs.runner import run

HISTORIES: Final = Path(__file__).parent / "histories"

LESSONS: Final = {
    7: "Of two parts that spoke to one base server the one that stayed took in what was said before the other one had"
    " given way, and so had that.",
    24: "What its writer repeated where nobody knew it was sent to a base server by the one that had taken it over: the"
    " one before had accepted it as well, and told it.",
    35: "The checker asked a base server to hold back what somebody wrote there until a server that nobody reached had"
    " sent what they had written before.",
    48: "What was accepted between a client's first login and the redirect right after it was missed.",
    50: "As 24, by a server that had been parted from the others all the time.",
    75: "A broadcast on a settled network took one message too many: a digest asked for what was on its way.",
    93: "A post that was lost with its connection and refused by the next server was reported refused; it was kept.",
    108: "As 75.",
    111: "As 35; the server had left, with a cut path to the base server that its people went on to.",
    113: "The checker asked a server whose disk was full to let in with no newer secret than the disk had.",
    131: "A post that was repeated after its account had been renamed was delivered twice.",
    139: "Of two copies accepted in two parts, the later one took the earlier one's place in a page of the past.",
    247: "As 24, while it was listened to, of what had been acknowledged.",
    270: "An account that was decided while its server handed over, and synced late on a slow disk, left with it.",
    431: "A dial to itself that went dead became a base link, which was told people's secrets.",
    20591: "What waited for its predecessor counted as delivered after a restart.",
    30021: "Who came to a server that had left, before its process had ended, was left there.",
    45081: "What came right behind a post that was refused was accepted, although its client had not heard the refusal"
    " and repeated what was refused at another server.",
    688: "The checker asked a base server to let nobody in by a name that it had given before one of ours had kept it.",
    975: "A server that had started again spoke to its base server before that had said where it is: others did not"
    " know, dialled it, and took in what was said while they listened, although the map showed who speaks there.",
    1033: "Who left in favour of a neighbour that lacked nothing did not wait for its answer: the link was dead, and"
    " nobody took over its base server.",
    1228: "The checker asked that what somebody had written at a base server, and what was held up behind it, come"
    " before what they wrote next at a server of ours that had not heard of it.",
    1261: "Two servers adopted a dead one's base server while they could not reach one another: it got all twice.",
    45116: "A client was shown what had been accepted before it came, behind a gap, after what was accepted later.",
    50130: "What came behind a post that another server had accepted was ordered behind the post before it.",
    103908: "A link that took the place of one with the same stamp stayed lazy, although it was in the spanning tree.",
    105975: "A request and the release of a claim that had been given up chased each other round a cycle of links, and"
    " kept a name locked for ever.",
    505174: "What only a server that was lost had accepted came back with it, and was sent a second time to the base"
    " server that another one had taken over.",
    603324: "A page of the past was in the order of stamps, also where a clock that is followed no further had given a"
    " later activity the earlier one.",
    604614: "The checker asked for the order of what one server had refused and another, out of reach, had accepted.",
    605104: "The checker asked a base server, which has no past, to send what somebody had missed elsewhere.",
    605557: "Somebody who was sent away by the last server that left knew none that came back, and did not ask again.",
    611255: "Who read slowly what a server had sent that has died since read no faster when everything was repaired.",
    614398: "What a part of the network had accepted last was not repeated in another part, and came late and behind.",
    615765: "What had taken seconds to be durable was not sent to a base client whose server had left before it heard"
    " of it.",
    801544: "Of two copies the one that was not handed out came with the past, before what was handed out meanwhile.",
    811609: "The checker asked a server to know that what was repeated there was accepted elsewhere, out of reach.",
    815985: "Who was refused by a server that died in the same moment was never told that the connection was gone.",
    817423: "As 811609.",
    621001550: "Who was sent back by a server to one whose clock had been set back was shown there what had been"
    " written before they came: it no longer went by what it knew itself of what they had.",
    621001758: "Who was sent on by a server did not get what had been accepted there just before: others took it"
    " that they had been there.",
    77001244: "A base server was asked about two registrations of one name: its answer to the second failed the first"
    " as well, of which it was not told, so that nobody could register the name any more.",
    77004485: "Who was sent to a base server by a server that left before it had logged them in could not say later"
    " from where on they had missed something.",
    77003064: "A neighbour of a server that had left in favour of another did not hear that it had, found it dead, and"
    " took over its base server as well: two parts took in what was said there, as two activities.",
    77003218: "The same, by another part of the network, just before the parts met: both sent the base server a post.",
    91080455: "Who had come to a server less than a second after a loss, when that one left in turn, was not missed by"
    " others.",
    91300223: "Who was on the way when a server left was known only from its record, which still named them as there.",
    93500244: "The checker took clocks to agree that had drifted apart by more than servers can allow for.",
    621001970: "The checker took two accounts of one name and secret, registered in two parts by the same person, for"
    " one, and asked each for the other's newest secret.",
    621001664: "Of a network that went down as a whole another server came back than the one that had spoken to the"
    " base servers: nobody remembered that there were any.",
    632200063: "What had been said before a base server was taken over seemed to be new there: it came by a server"
    " whose clock was days ahead, and had been dated by that.",
    632200247: "As 975, in two parts of the network.",
    661000070: "Whoever was at a server that was expelled, with a base client, got nothing at another one of what was"
    " said meanwhile: with its record went who had been there.",
    746600097: "The checker asked an heir to put what its base server says behind what only the dead one had.",
    746600430: "What had been told to a base server while a server was down, whose clock was set back, seemed to be new"
    " there: it took over before it had met anybody, and did not know how late it was.",
    746600464: "What somebody anonymous had written at a base server was shown in another order, where the last came at"
    " once and the first had to be asked for.",
    800007964: "A server left in favour of a neighbour that left as well: it had closed the links to its base servers"
    " when it named the next one, which was told of none, and the one before did not pass on what it was to look"
    " after.",
    900003951: "The checker did not know who had asked a base server about a name where the question came after the one"
    " who asked had died: the name is kept for nobody.",
    950013457: "Who waited for the registration of their name to end was sent to a base server by one that left:"
    " that let them in at once, as a base server does with any name that it has been asked about.",
    1200001706: "A server with a key left while its only neighbours were of the version before keys: those with keys"
    " believed nothing of what it had accepted, as it came without signatures.",
    1300000872: "A simulated server of the version before read who had allowed a registration, which it cannot.",
    5000: "Two servers that had lost their link could reach each other by way of a liar, which had made up hundreds of"
    " servers: each drew one of those to link with, for ever.",
    124000018: "What somebody had missed could not be read while the disk was full and damaged: they were told that"
    " they had caught up, and did not get it for as long as they stayed.",
    640200938: "Two copies of one directory were started within a moment, on machines whose clocks differed by just"
    " that: both starts had one number, as it was made of the clock alone, and gave two entries one identity.",
    650000012: "Who was sent to a server that hung up before it had let them in was sent there again and again.",
    650000097: "A network fell in two, and liars were linked with both parts: when these could reach each other again,"
    " nobody missed anybody.",
    1300001196: "A neighbour of the version before said that nothing of a stream was missing whose entries it could not"
    " pass on with signatures: what was lost in a crash was never asked for again.",
    2000000350: "What a base client had written came through a base server to a server that could not reach theirs,"
    " which took it in as the base server's: nothing showed that the two were copies.",
    2000003418: "As 2000000917.",
    2000040300: "The checker asked a server to let somebody in with a new secret of which nobody had heard yet.",
    2000010378: "Copies of all servers were started elsewhere, and ended again: each server looked for the others only"
    " where their copies had been.",
    900149: "Who had logged out at one server and was sent on by another at once missed what came in between, where"
    " that seemed to be at the first one still.",
    660000024: "The simulated network lost a message in the midst of a connection, where a server died behind a cut.",
    660000147: "A base server passed on what a server out of reach had told it, and nothing proved whose it was: when"
    " that came with its proof, the base server was told it again.",
    660000177: "What a base server had been told seemed to be new to one that had just started and took it over: it had"
    " been written at a server that was there, whose clock was ahead.",
    660000269: "As 660000147, after a cut.",
    660000500: "A server of the version before said up to which number it had sent everything of another's stream: as"
    " the newest entry had come with its proof, those before it, which had come without, were taken for gone.",
    154000111: "The checker asked for the order of what was lost on its way from a server whose links were all with"
    " members that lie: they keep it from the others for longer than what comes behind it waits.",
    150100228: "The checker asked people of whom a liar said that they have another secret not to try theirs again.",
    2000000917: "Who had come to a server that died was sent the first and the third of what somebody had written, in"
    " the wrong order: the second bore an earlier stamp, of a server whose clock was behind.",
    2000002974: "As 2000001476, after a cut.",
    2000001476: "A copy of an activity came while a client was sent the past, on a slow disk: as it was not delivered,"
    " nor among what the client missed, it counted as had, and its original was left out.",
    39279701915: "The last server with a key left, to one of the version before: the other one with a key had left as"
    " well, and when it came again it believed nothing of what it had been away for.",
    152001233: "As 2100001453, beside liars.",
    2100001453: "Who had lost its data, and with it others' keys, got an account from a server of the version before,"
    " without the votes, and never asked those who could prove it.",
    2100001941: "A client said what it had while an activity was damaged at its server: when that had come again, it"
    " was not among what was looked for.",
    2200000285: "A client that went on at a server of the version before was sent what had been written before it"
    " began, of streams that had only just begun then, and behind what came later.",
    2400000655: "At a server of the version before a client left out what it took for older than its beginning, of a"
    " stream that had begun after it: a server whose clock was behind had dated it.",
    3001000095: "A client had begun at a server whose clock was set back then, and was started again: what that"
    " accepted seemed older than the client's beginning, and was not sent to it.",
    122000430: "A disk that was full had not taken what had been damaged there and came again: who came was sent it"
    " behind the whole past, from memory.",
    122000541: "The simulator flipped a bit in a record that nobody else had all of, and asked for it back.",
    122000900: "What a start had found damaged it took in as new when it came again, and handed it to who had come"
    " meanwhile, behind what they had.",
    150100825: "Who had begun at a server that was started again was sent, by one whose clock was days ahead, what had"
    " been there before them: nobody else dates it so late, and the restart had forgotten that it was there.",
    3400000145: "The simulator's ledger could not read what a liar had made of an account, and ended the history.",
    3500020011: "The simulator started a copy again that had ended by itself, for good, beside what it was a copy of:"
    " nobody let the two end.",
    3500000204: "What two servers had lost at once came to one of them and not to the other, which had asked that one"
    " too early: who came there was sent it behind the rest.",
    94253000570: "At an older server a client left out what that had dated by its clock, which was seconds behind the"
    " server's at which the client had begun.",
    3200000008: "A client had begun at an older server that was days ahead: at another one it left out all that had"
    " been written since.",
    96000000791: "As 3200000008, and the client was started again meanwhile.",
    54208800122: "Servers far from each other that started together were not one network when the checker took them for"
    " that: they waited, and one was never told of a key that changed while its link was beginning.",
    5122: "Who had begun at a server of the version before, and went on at another one, was not sent what a third one"
    " had dated before that, and was still keeping on a slow disk.",
    5100004008: "The simulator put a copy from before its key back on a server that others know by its key.",
    63000000054: "Where the last server without a key had got one while it could be reached as before, two went on to"
    " send everything over all of their links.",
    63000000187: "The simulator took the copying of data for a fault, killed a server that was not in the network yet,"
    " and never told it again where that is.",
    63002000408: "Who had begun at a server that had been days ahead before its restart left out, at another one, what"
    " a third one wrote that was not there then.",
    63200000042: "A server that knew that it was expelled went on to register people, whose accounts were suspended at"
    " once and known to nobody else.",
    63001000119: "The simulator had a server that came again join nobody, where the one that stays was down just then.",
    63001000192: "The checker asked for a name that a base server keeps of a registration that came to nothing: who"
    " knows its secret speaks to another one.",
    63003000549: "The checker asked for the order of what a server could not send, whose disk took no writes and had"
    " damage in it.",
    63030000008: "The checker took a server that had just come back for complete, as it compared nothing of streams of"
    " which operators had removed something.",
    65000000105: "A server whose clock had been set days ahead dated a document by a neighbour that it had not heard"
    " since, and then by one that was ahead of the others: they took it minutes later.",
    61000001021: "The checker asked for the secret that a server had changed which was expelled later: that counts as"
    " if it had not been changed.",
    61000003052: "As 61000001021, and another one expelled that server.",
    61000003135: "A server that knew that it was expelled went on to change secrets, also by codes, which counted"
    " nowhere and left the codes good.",
    61000003000: "The checker asked for the order of what was removed at an expelled server, and then seen at another"
    " one, where that order had not come.",
    61000005351: "A server asked who had expelled it again only after half a minute, if it had dialled them for one"
    " more link, or because somebody had named them: it was let in meanwhile, and nobody else knew where it was.",
    6100000500302: "A server that knew that it was expelled went on to acknowledge what it showed to nobody.",
    6100000518305: "As 6100000500302, where it had not heard yet that it is let in again.",
    69000030003: "What had waited for its time went before what it follows, which was there and waited for something"
    " else, that an operator had removed.",
    6700100000081: "A document was dated anew by neighbours' clocks, which had been pulled ahead as far as can be.",
    69000030106: "What a failing disk had not taken was tried again in its record as it came, with what an operator had"
    " removed from it since.",
    73692000154: "The checker of stories took somebody for unknown who was sent on as soon as they had registered, and"
    " left.",
    85656300473: "The checker took it for a fault that a base server lets people in whose name somebody had asked it"
    " to lock, and then died.",
    73000021: "The checker asked for a document at a server whose clock was days behind, and whose data had been lost:"
    " that takes it when its time has come.",
    74000087: "The checker asked for one network's key of servers of today between which all ways led over servers that"
    " link in clear: neither knows that the other one is of today.",
    75000130: "The simulator's people left a client that was not in with a secret that they had just set by a code:"
    " it tried the one before again and again, at servers most of which had moved.",
    69000020186: "Who had begun at an older server left out what another one dated by a clock that was behind, which"
    " had been started again with it, and reached nobody.",
    68000001063: "Who had registered their name in two parts of the network, as the first answer was lost, was kept out"
    " by the account that was suspended later, and not let in with the other one.",
    75000279: "A server that was away when the network got another key was handed that with the order alone, and handed"
    " it on, for the secret from before, to a server of whose expulsion it had not heard yet.",
    71003006: "The checker asked a base server, where somebody came from another one, to send nothing that had been"
    " written before what they had seen there: it had just heard of that, and knows nothing of them.",
    177100089: "What was written alone at a server whose clock had been set days ahead was dated anew, and before"
    " what its account had had until then: others kept that.",
    177600076: "The checker took a login with the secret that was being changed for one with that of the registration:"
    " a server that did not know the account yet had refused the latter, and the client tried it no more.",
    179000055: "What waited for what it follows when its server died counted as delivered where that was down for long:"
    " what came behind it went before both.",
    179000082: "As 179000055, where the clock had been set ahead by years meanwhile.",
    179000067: "A server whose clock was a day ahead dated what came from the origin by that, and what came by way of"
    " another server not: an edit stood before the one before it.",
    179000076: "Somebody heard of two edits at servers whose clocks were a day apart, and took the earlier one for the"
    " later one.",
    178000066: "What a server whose clock was years behind had got, and dated so, was not sent to who came from an"
    " older server: their beginning was in its future.",
    178000189: "The checker asked for a post at somebody whose client had not noticed yet that its connection is dead.",
    68000000072: "The checker asked for a document where it was dated two days ahead: clocks had jumped, and it is"
    " taken when its time has come.",
}
FAILED_ONCE: Final = (318, 606, 667, 747, 851, 976, 1184, 1242, 1425)
"""These failed while the node was being written; what each of them showed was not written down."""


def test_every_kept_history_has_its_lesson() -> None:
    assert sorted(int(path.stem.removeprefix("seed-")) for path in HISTORIES.glob("*.json")) == sorted(
        (*LESSONS, *FAILED_ONCE)
    )


@pytest.mark.parametrize("seed", sorted((*LESSONS, *FAILED_ONCE)))
def test_what_went_wrong_once_does_not_again(seed: int) -> None:
    plan = msgspec.json.decode((HISTORIES / f"seed-{seed:05}.json").read_bytes(), type=Plan)
    assert run(plan).problems == [], LESSONS.get(seed, "")
