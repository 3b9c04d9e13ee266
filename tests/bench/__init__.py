"""What the engine costs beside other ways to do the same, on Apache Kafka, side by side in one run.

    make bench                                     the comparison; or, in the same virtual environment:
    python -m tests.bench open|memory|latency|replay

Sizes are set by the environment: see `options`. Results are tables in Markdown; `docs/benchmarks.md` tells what they
mean. Linux or macOS, with nothing else running.
"""
