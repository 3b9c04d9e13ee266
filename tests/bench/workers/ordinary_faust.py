"""Faust as its manual has it: an agent, an event at a time, with a table, whose changes go to a changelog.

Its settings are the defaults, but for what the rows, the topics that are there already, and a group of one need.
"""

import os

import faust

from agents.engine.batch import CLOUDEVENT
from tests.bench.workers.folding import Fold

PARTITIONS = int(os.environ["BATON_PARTITIONS"])

app = faust.App(
    os.environ["BENCH_GROUP"],
    broker=f"kafka://{os.environ['BATON_KAFKA_SERVERS']}",
    datadir=os.environ["BATON_STATE_DIR"],
    value_serializer="raw",
    key_serializer="raw",
    topic_partitions=PARTITIONS,
    web_enabled=False,
)
events = app.topic(os.environ["BENCH_INPUT"], value_type=bytes, key_type=bytes)
facts = app.topic(os.environ["BENCH_OUTPUT"], value_type=bytes, key_type=bytes)
rows = app.Table("rows", partitions=PARTITIONS, key_type=bytes, value_type=bytes)
fold = Fold()


@app.agent(events)
async def take(stream):
    async for event in stream.events():
        key = event.key
        found = fold(
            event.value,
            event.message.headers or (),
            lambda name, key=key: rows.get(key + name),
            lambda name, row, key=key: rows.__setitem__(key + name, row),
        )
        for fact in found:
            await facts.send(key=key, value=fact, headers=dict(CLOUDEVENT))


if __name__ == "__main__":
    faust.Worker(app, loglevel="warning", quiet=True).execute_from_commandline()
