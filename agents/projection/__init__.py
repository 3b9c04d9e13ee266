"""The read model in Redis: what the changelog says, where a board or a bot can ask for it (DESIGN §8.8).

`keys`, `documents`, `clocks` and `promises` say what is kept, `model` is the Redis side of it, `reading` the Kafka
side, `projector` brings the two together beside the engine, and `rebuilding` fills it anew. Nothing here can hold up
the engine.
"""
