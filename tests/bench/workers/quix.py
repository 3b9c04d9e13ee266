"""Quix Streams: a stateful function of each event, its state in RocksDB and a changelog, facts to another topic.

Rows are kept as bytes, which spares them Quix's JSON. The input is one topic (`c`, `ce`), which spares it the aligning
of several by time, or the four that are published, which it aligns (`c4`, `c4e`). The rest is as Quix has it by itself.
"""

import os

from quixstreams import Application, State

from tests.bench.workers.folding import Fold

GUARANTEE = os.environ["BENCH_GUARANTEE"]

app = Application(
    broker_address=os.environ["BATON_KAFKA_SERVERS"],
    consumer_group=os.environ["BENCH_GROUP"],
    auto_offset_reset="earliest",
    state_dir=os.environ["BATON_STATE_DIR"],
    processing_guarantee=GUARANTEE,
    loglevel="WARNING",
)
fold = Fold()


def take(
    value: bytes, _key: bytes, _timestamp: int, headers: list[tuple[str, bytes]] | None, state: State
) -> list[bytes]:
    return fold(value, headers or (), state.get_bytes, state.set_bytes)


frames = [app.dataframe(app.topic(name, value_deserializer="bytes")) for name in os.environ["BENCH_INPUT"].split(",")]
frame = frames[0]
for other in frames[1:]:
    frame = frame.concat(other)
facts = app.topic(os.environ["BENCH_OUTPUT"], value_serializer="bytes")
frame.apply(take, stateful=True, expand=True, metadata=True).to_topic(facts)
app.run()
