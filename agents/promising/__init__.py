"""The agent that says the promises' facts: from `baton.totals` to `baton.promises` (DESIGN §8.9).

What is said is decided in `streams.promise_facts`; here are only Kafka, the time, and who of all workers speaks.
"""
