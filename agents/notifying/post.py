"""From a batch to an address: its text, its secret, and apprise."""

from collections.abc import Callable

from agents.errors import BatonError
from agents.notifying.secrets import Secrets
from agents.notifying.sending import Address, Message, NotSent
from agents.notifying.texts import Texts
from agents.settings import Settings
from streams.notices import Notices
from streams.outbox import Batch


class Post:
    """Sends batches. Called by several threads, but by one at a time for each address.

    Addresses are kept while their secret stays the same, so that they keep to their services' own rates.
    """

    def __init__(self, notices: Notices, texts: Texts, settings: Settings, now: Callable[[], int]) -> None:
        self._notices = notices
        self._texts = texts
        self._secrets = Secrets(settings.notify_secrets)
        self._now = now
        self._addresses: dict[str, tuple[str, Address]] = {}

    def may_send(self, batch: Batch) -> bool:
        """Whether its address may be disturbed now, and nothing in it is too old to be told."""
        now = self._now()
        if any(self._notices.is_too_old(notice, now) for notice in batch.notices):
            return False
        return self._notices.may_send(batch.to, batch.urgent, now)

    def send(self, batch: Batch) -> None:
        """Send it once. Raises NotSent, also where its secret is missing or cannot be used: it may yet be mended."""
        try:
            address = self.address(batch.to)
        except BatonError as error:
            raise NotSent(str(error)) from None
        address.send(self._texts.message(batch))

    def send_test(self, name: str, agreement: str) -> str:
        """Send a test message, once; returns what service took it. Raises NotSent and BatonError."""
        address = self.address(name)
        address.send(self._texts.test_message(name, agreement))
        return address.service

    def address(self, name: str) -> Address:
        """The address of a target or a person, by the secret as it now is. Raises BatonError."""
        section = self._notices.section(self._now())
        written = None if section is None else section.address(name)
        if written is None:
            raise BatonError(f"the agreement has no address {name}")
        secret = self._secrets.find(written.secret)
        kept = self._addresses.get(name)
        if kept is None or kept[0] != secret.value:
            try:
                kept = secret.value, Address(secret.value)
            except BatonError as error:
                raise BatonError(f"the secret {written.secret} ({secret.where}): {error}") from None
            self._addresses[name] = kept
        return kept[1]


__all__ = ["Message", "Post"]
