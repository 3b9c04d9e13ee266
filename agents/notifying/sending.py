"""Sending one message to one address by apprise: Slack, Teams, e-mail, webhooks and the rest.

The address's own plugin is called, in the caller's thread: apprise's shared pool of threads would let a few dead
addresses hold up all others. What apprise complains of is heard here and nowhere else, for it may repeat addresses.
"""

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal, NamedTuple, TypeAlias
from urllib.parse import unquote, urlsplit

import apprise
from apprise.plugins import NotifyBase

from agents.errors import BatonError

__all__ = ["Address", "Kind", "Message", "NotSent"]

Kind: TypeAlias = Literal["info", "success", "warning", "failure"]
KEY_HEADER: Final = "Idempotency-Key"
"""The header, of HTTP or of a mail, by which a receiver knows a message that comes again."""
HIDDEN_FROM: Final = 4
"""Parts of an address that are shorter give nothing away."""


class Message(NamedTuple):
    """What is sent: plain text, with a key that is the same however often it is sent."""

    title: str
    body: str
    kind: Kind
    key: str


class NotSent(Exception):  # noqa: N818  says what did not happen
    """The address did not take the message; why, without anything secret."""


class Address:
    """One address. One thread at a time."""

    def __init__(self, url: str) -> None:
        """Understand a URL of apprise's. Raises BatonError, which does not repeat it."""
        self._hidden = _hidden_parts(url)
        with _OVERHEARD.listening() as heard:
            plugin = apprise.Apprise.instantiate(url, asset=_asset())
        if plugin is None:
            why = f" ({self._clean(heard[0])})" if heard and "://" not in heard[0] else ""
            raise BatonError(
                f"apprise cannot use it{why}: write an address such as https://hooks.slack.com/services/…, "
                "mailtos://user:password@host or jsons://host/path"
            )
        self._plugin: NotifyBase = plugin

    @property
    def service(self) -> str:
        """What kind of address it is: Slack, E-Mail."""
        return str(self._plugin.service_name)

    def send(self, message: Message) -> None:
        """Send; returns when the address has taken it. Raises NotSent."""
        headers = getattr(self._plugin, "headers", None)
        if isinstance(headers, dict) and "headers" in self._plugin.template_kwargs:
            headers[KEY_HEADER] = message.key
        with _OVERHEARD.listening() as heard:
            try:
                taken = self._plugin.notify(
                    body=message.body,
                    title=message.title,
                    notify_type=message.kind,
                    body_format=apprise.NotifyFormat.TEXT,
                )
            except Exception as error:  # a plugin may raise anything
                raise NotSent(self._clean(f"{type(error).__name__}: {error}")) from None
        if not taken:
            raise NotSent(self._clean("; ".join(heard)) or "refused, without a reason")

    def _clean(self, text: str) -> str:
        """The text without what is secret in the address."""
        for part in self._hidden:
            text = text.replace(part, "…")
        return " ".join(text.split())


def _hidden_parts(url: str) -> list[str]:
    """The parts of an address that may be secret: all but its scheme and a host with a dot; the longest first."""
    address = urlsplit(url) if "://" in url else None
    host = address.hostname if address is not None and "." in (address.hostname or "") else None
    scheme = address.scheme if address is not None else None
    parts = {part for text in (url, unquote(url)) for part in re.split(r"[/:@?&=,+\s]+", text)}
    known = {host, scheme}
    return sorted((part for part in parts if len(part) >= HIDDEN_FROM and part not in known), key=len, reverse=True)


def _asset() -> apprise.AppriseAsset:
    return apprise.AppriseAsset(
        app_id="Baton", app_desc="Baton", app_url="", image_url_mask="", image_url_logo="", async_mode=False
    )


class _Overheard(logging.Handler):
    """What apprise complains of, by the thread that it does so in."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._threads = threading.local()

    @contextmanager
    def listening(self) -> Iterator[list[str]]:
        """Gather this thread's complaints in the block."""
        heard: list[str] = []
        self._threads.heard = heard
        try:
            yield heard
        finally:
            self._threads.heard = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it for whoever listens; nobody else hears of it."""
        heard = getattr(self._threads, "heard", None)
        if heard is not None:
            heard.append(record.getMessage())


_OVERHEARD: Final = _Overheard()
logging.getLogger("apprise").addHandler(_OVERHEARD)
logging.getLogger("apprise").propagate = False
