"""`baton up`: everything on one machine, for a look at it and for development.

`services` starts a broker and a Redis where none are named, `engine` the engine, `observing` Prometheus and
Alertmanager where they are asked for; `company` publishes what happens in a simulated company, `canary` finds out
whether all of it works, `feed` reads what was committed, `watching` makes of that what the terminal shows, and
`running` puts them together. Nothing here outlives the process, however that ends.
"""
