"""Grafana's boards as code: `python -m deploy.grafana.boards` writes them to deploy/grafana/dashboards.

One module a board; `making` has the pieces that all of them are made of, `asking` runs their expressions.
"""
