"""What no system can pass: records are fetched, their JSON decoded, and nothing is kept.

Says on standard output, once, what it came to: the events a second from a tenth of the log on, and their cost.
"""

import json
import os
import resource
import sys
import time

import confluent_kafka as ck
import msgspec

DECODERS = {"msgspec": msgspec.json.decode, "json": json.loads}
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024


def run(decode, whole: int) -> dict[str, float]:
    reader = ck.Consumer(
        {
            "bootstrap.servers": os.environ["BATON_KAFKA_SERVERS"],
            "group.id": os.environ["BENCH_GROUP"],
            "auto.offset.reset": "earliest",
        }
    )
    reader.subscribe([os.environ["BENCH_INPUT"]])
    count, begun, first = 0, None, 0
    while count < whole:
        for record in reader.consume(10_000, 0.2):
            if record.error() is not None:
                raise ck.KafkaException(record.error())
            decode(record.value())
            count += 1
        if begun is None and count >= 0.1 * whole:
            begun, first = (time.monotonic(), time.process_time()), count
    seconds, cpu_s = time.monotonic() - begun[0], time.process_time() - begun[1]
    reader.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT
    return {"rate": (count - first) / seconds, "cpu_s": cpu_s / (count - first) * 1e6, "peak": peak}


if __name__ == "__main__":
    print(json.dumps(run(DECODERS[os.environ["BENCH_DECODER"]], int(os.environ["BENCH_EVENTS"]))))
