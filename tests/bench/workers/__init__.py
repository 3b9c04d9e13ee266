"""The other systems of the comparison, each a program of its own; they are set up by the environment alone.

They import nothing of the tests, for the one on Quix Streams runs in another virtual environment.
"""
