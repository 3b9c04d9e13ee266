"""Explaining a lead's clocks: where its events come from, and what is said of them, to people and to programs.

Nothing is judged here: `streams.explaining` says what is so.
"""
