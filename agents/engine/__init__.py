"""The engine: Faust's workers over partitions that are owned through their transactional ids (DESIGN §8).

`transport` hands over batches, `batch` folds one, `partition` owns and commits, `table` keeps the rows,
`worker` puts them together. Nothing here trusts Faust's acknowledgements, commits or tables.
"""
