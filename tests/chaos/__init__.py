"""The engine hurt on purpose, and an independent check of what came out (DESIGN §8).

    make chaos SECONDS=600 SEED=7 FAULTS=mix

The promise: nothing lost, nothing twice, whatever happens. `log` makes what is published, `faults` does the
hurting, `check` says whether the promise held.
"""
