"""The whole command line, for tests that run a command in their own process."""

from agents.cli import COMMANDS, build

app = build(COMMANDS)
