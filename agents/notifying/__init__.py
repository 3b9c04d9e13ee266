"""Telling people what becomes of clocks and promises: the agreement's notifications, sent by apprise (DESIGN §8.8).

`streams.notices` and `streams.outbox` say who is to be told what and when; here it is kept (`ledger`), written
(`texts`) and sent (`secrets`, `sending`, `deliveries`), by whoever holds the `lease` (`notifier`). At least once, with
a key by which a repeat is known; nothing here can hold up the engine, and no target another one.
"""
