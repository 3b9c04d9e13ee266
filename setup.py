"""Compiles the folds with mypyc where BATON_COMPILE=1 says so; without it, or a C compiler, they run as plain Python.

Only modules without msgspec's classes are compiled: mypyc leaves those as they are.
"""

import os

from setuptools import setup

COMPILED = [
    "agents/engine/batch.py",
    "schemas/fast.py",
    "streams/facts.py",
    "streams/funnel.py",
    "streams/history.py",
    "streams/journey.py",
    "streams/matching.py",
    "streams/partitioning.py",
    "streams/terms.py",
]

if os.environ.get("BATON_COMPILE") == "1":
    from mypyc.build import mypycify

    setup(ext_modules=mypycify(COMPILED, opt_level="3"))
else:
    setup()
