"""A relay in front of a broker, which can cut the connections on which a certain question is asked."""

import socket
import struct
import threading
from contextlib import suppress
from typing import Self

from agents.embedded import LOOPBACK, free_port

LIST_OFFSETS = 2
"""A request of Kafka's protocol, by its key."""


class Relay:
    """Passes on what clients ask the broker at a port, and what it answers. A context manager."""

    def __init__(self, to_port: int) -> None:
        self.port = free_port()
        self.cuts: int | None = None
        """The request (its key) that is not passed on, but ends its connection."""
        self.cut = 0
        """How often that was done."""
        self._to = to_port
        self._server = socket.create_server((LOOPBACK, self.port))
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._server, *self._open):
            _end(one)

    def _accept(self) -> None:
        with suppress(OSError):  # it was ended
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        """As a broker that is not there refuses a client, so does this."""
        self._open.append(client)
        try:
            broker = socket.create_connection((LOOPBACK, self._to))
        except OSError:
            _end(client)
            return
        self._open.append(broker)
        threading.Thread(target=self._answer, args=(broker, client), daemon=True).start()
        self._ask(client, broker)

    def _ask(self, client: socket.socket, broker: socket.socket) -> None:
        with suppress(OSError), client.makefile("rb") as questions:
            while size := questions.read(4):
                question = questions.read(struct.unpack(">i", size)[0])
                if struct.unpack(">h", question[:2])[0] == self.cuts:
                    self.cut += 1
                    break
                broker.sendall(size + question)
        _end(client)
        _end(broker)

    def _answer(self, broker: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while answer := broker.recv(65_536):
                client.sendall(answer)
        _end(client)
        _end(broker)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
