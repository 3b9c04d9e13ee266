"""Where notifications arrive in a test: a real web server and a real mail server, on free ports."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller

from agents.embedded import LOOPBACK, free_port

HANGS_S = 60
"""At most."""


@dataclass
class Post:
    """One request: its path, headers, and the JSON that it brought."""

    path: str
    headers: dict[str, str]
    said: dict[str, str]

    @property
    def key(self) -> str:
        return self.headers["Idempotency-Key"]


@dataclass
class Web:
    """A web server: a path refuses as often as `refusals` says, and hangs, once asked, while it is in `hanging`."""

    port: int = 0
    posts: list[Post] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    hanging: dict[str, threading.Event] = field(default_factory=dict)
    asked: dict[str, threading.Event] = field(default_factory=dict)

    def url(self, path: str) -> str:
        """An address that is waited for longer than anything hangs: it is not sent twice."""
        return f"json://{LOOPBACK}:{self.port}/{path}?cto={2 * HANGS_S}&rto={2 * HANGS_S}"

    def taken(self, path: str) -> list[Post]:
        """What was taken at a path, in order."""
        return [post for post in self.posts if post.path == f"/{path}"]

    def hang(self, path: str) -> threading.Event:
        """Let requests to a path wait until the event that is given back is set; `asked` tells that one has come."""
        self.asked[f"/{path}"] = threading.Event()
        self.hanging[f"/{path}"] = threading.Event()
        return self.hanging[f"/{path}"]

    def take(self, post: Post) -> int:
        """The status of the answer."""
        if post.path in self.hanging:
            self.asked[post.path].set()
            self.hanging[post.path].wait(HANGS_S)
        if self.refusals[post.path.removeprefix("/")] > 0:
            self.refusals[post.path.removeprefix("/")] -= 1
            self.refused[post.path.removeprefix("/")] += 1
            return 503
        self.posts.append(post)
        return 200


@contextmanager
def web_server() -> Iterator[Web]:
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = web.take(Post(self.path, dict(self.headers), json.loads(body)))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    server.daemon_threads = True
    web.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield web
    finally:
        for released in web.hanging.values():
            released.set()
        server.shutdown()
        server.server_close()


@dataclass
class Mail:
    """A mail server, and what it was given."""

    port: int = 0
    mails: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    refusals: int = 0

    def url(self, to: str) -> str:
        return f"mailto://{LOOPBACK}:{self.port}?from=baton@example.com&to={to}&mode=insecure"

    async def handle_DATA(self, _server: object, _session: object, envelope: object) -> str:  # noqa: N802  aiosmtpd's name
        if self.refusals > 0:
            self.refusals -= 1
            return "451 try again later"
        mail = message_from_bytes(envelope.content, policy=policy.default)
        self.mails.append((list(envelope.rcpt_tos), mail))
        return "250 taken"


@contextmanager
def mail_server() -> Iterator[Mail]:
    mail = Mail(free_port())
    controller = Controller(mail, hostname=LOOPBACK, port=mail.port)
    controller.start()
    try:
        yield mail
    finally:
        controller.stop()
