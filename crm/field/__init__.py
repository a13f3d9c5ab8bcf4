"""The phone in the field: records that are saved on it first and sent when there is a network, and what it shows meanwhile.

It stands at the right end: it takes what phones send to the rooms that own it, and asks them for what phones show.
"""
