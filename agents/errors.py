"""What goes wrong for a reason that the user can mend: told in one line, and exit code 2."""


class BatonError(Exception):
    """Something is not as it must be; the message says what, where and how to mend it."""
