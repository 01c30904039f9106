"""One node in real time: its events come from connections, timers, the store and threads, its actions go there."""
