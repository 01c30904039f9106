"""What two of a network lack of each other: sets compared by sums of ranges, and what is read for that.

A. Meyer, "Range-Based Set Reconciliation", SRDS 2023 (https://arxiv.org/abs/2212.13567);
the roles, the limits of a message and the sum modulo 2^256 are those of negentropy (D. Hoyte,
https://github.com/hoytech/negentropy). What differs from it:

- only who lacks something asks, and has all the state; who answers forgets each question with its answer;
- a list of what is in a range is one of runs of numbers, so that it costs by its streams and not by its entries.
"""
