"""What Textual (or Rich beneath it) does wrong or cannot do, mended from outside, a file each.

Each says what happens without it, in which version that was seen, and where it was reported. For each,
`tests/textual_workarounds` runs plain Textual and expects the fault: a test there that fails says that its file can go.
"""
