"""Every figure once more, from the raw rows alone.

Nothing here asks a room that counts: no rollup, no projection, no rule of the product's own. What domain.md says is written down a
second time, as plainly as it can be, so that two ways to the same number have to meet.
"""
