"""Who acts: the engine, the projections, the command line. The only code that touches Kafka, Redis, HTTP or time."""
