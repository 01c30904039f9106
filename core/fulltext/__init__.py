"""Looking for activities: an index of their words beside the data, and what is found with it and without it.

The index is a file of its own. It is made of the data, by a connection that only reads, behind everything else: nothing
that is kept ever waits for it. It may lag, and what it has not come to is looked at one by one. `core.query` says what
a query means; whatever the index names is looked at once more, so it only makes things fast. When it is lost or damaged
it is made anew, and nothing else is lost. It is in no backup.
"""
