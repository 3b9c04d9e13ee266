"""What Prometheus is told (DESIGN §6), and what Kubernetes asks: /metrics, /livez and /readyz.

`definitions` is the one list of metrics, from which `docs/reference/metrics.md` is made. `counting` counts what is
committed, and `clocks` what is said of clocks; `state` tells what is, `promises` how they stand over all partitions;
`watch` knows how far behind a worker is, and `pages` serves it all.
"""
