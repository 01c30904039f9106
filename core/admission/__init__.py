"""Who may have how much: shares, budgets and wrong secrets, counted alike at every door of a server.

The node, the engine's sockets and the SSH server ask the same questions of strangers. Pure: times come in as arguments.
"""

from core.admission.guesses import Guesses, told_of_habit
from core.admission.shares import Weights, share_of
from core.admission.token_bucket import TokenBucket

__all__ = ["Guesses", "TokenBucket", "Weights", "share_of", "told_of_habit"]
