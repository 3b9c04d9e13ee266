"""The agreement as people work with it: begun, checked against history, compared, and written out to be signed.

Pure but for `checking`, which reads files of events. What is said of an agreement in words is in `describing` and
what it stands on; what is laid out is in `document`. No judging of leads here: that is in `streams`.
"""
