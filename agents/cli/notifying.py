"""`baton notify`: what is told to whom, a test of it, and the agent that tells it."""

import difflib
import signal
import threading
import time
from collections.abc import Sequence
from typing import Annotated

import typer

from agents.agreements import read_agreements
from agents.cli.console import err, out
from agents.cli.operating import say
from agents.cli.tables import show_table
from agents.errors import BatonError
from agents.language import language_of
from agents.notifying.notifier import Notifier
from agents.notifying.post import Post
from agents.notifying.secrets import Secrets
from agents.notifying.sending import NotSent
from agents.notifying.texts import Texts
from agents.settings import Settings
from agents.versions import Follower, live_agreements
from schemas.notifications import Notifications, Route
from streams.notices import Notices
from streams.terms import Versions

notify = typer.Typer(help="Tell people what becomes of clocks and promises.", no_args_is_help=True)


@notify.command("test")
def notify_test(
    targets: Annotated[
        list[str] | None, typer.Argument(metavar="[TARGET]...", help="Targets or people; without any, all of them.")
    ] = None,
) -> None:
    """Send a test message through targets, also in quiet hours, and say what came back.

    Exit code 1: an address did not take it.
    """
    settings, versions = _agreement()
    section = _section(versions)
    names = _chosen(section, targets or ())
    texts = Texts(versions, language_of(settings.language))
    post = Post(_notices(settings, versions), texts, settings, _now)
    failed = False
    for name in names:
        began = time.monotonic()
        try:
            service = post.send_test(name, versions.at(_now()).agreement.agreement)
        except (NotSent, BatonError) as error:
            failed = True
            _line("fail", "bold red", name, str(error))
        else:
            _line("ok", "green", name, f"{service} took it in {time.monotonic() - began:.1f} s")
    if failed:
        raise typer.Exit(1)


@notify.command("list")
def notify_list() -> None:
    """Show the targets, where their secrets are found (and no secret), and the routes, as they are in force now."""
    settings, versions = _agreement()
    section = _section(versions)
    post = Post(_notices(settings, versions), Texts(versions, language_of("en")), settings, _now)
    secrets = Secrets(settings.notify_secrets)
    rows = []
    for name in _names(section):
        address = section.address(name)
        kind = "target" if name in section.targets else "person"
        secret = "" if address is None else address.secret
        where, service = _found(secrets, secret), _service(post, name)
        rows.append((name, kind, secret, where, service, section.calendar_of(name) or ""))
    show_table(("name", "kind", "secret", "found in", "service", "quiet outside"), rows)
    out.print()
    show_table(("on", "of", "to", "then"), [_route(route) for route in section.routes])
    fallback = section.fallback or "nobody"
    out.print(f"\ncollected for {section.group}; in the place of a person without an address: {fallback}", markup=False)


@notify.command("run")
def notify_run() -> None:
    """Send notifications until told to stop, without an engine; of several such, one sends and the others stand by."""
    settings = Settings()
    versions = Versions(live_agreements(settings, say))
    _section(versions)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    notifier = Notifier(settings, versions)
    notifier.start()
    follower = Follower(settings, lambda found: notifier.adopt(Versions(found)))
    follower.start()
    err.print("sending notifications")
    stopping.wait()
    follower.stop()
    notifier.stop()


def _agreement() -> tuple[Settings, Versions]:
    """By BATON_AGREEMENT, which may be yet to be published; without it, by what is published."""
    settings = Settings()
    if settings.agreement is None:
        return settings, Versions(live_agreements(settings, say))
    return settings, Versions(read_agreements([settings.agreement]))


def _section(versions: Versions) -> Notifications:
    agreement = versions.at(_now()).agreement
    if agreement.notifications is None:
        raise BatonError(
            f"version {agreement.version} of the agreement {agreement.agreement}, which is in force, has no "
            "'notifications': add targets and routes to it"
        )
    return agreement.notifications


def _notices(settings: Settings, versions: Versions) -> Notices:
    return Notices(versions, settings.notify_max_age_s)


def _now() -> int:
    return time.time_ns() // 1_000


def _names(section: Notifications) -> list[str]:
    return [*section.targets, *section.people]


def _chosen(section: Notifications, asked: Sequence[str]) -> list[str]:
    known = _names(section)
    for name in asked:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f". Did you mean '{close[0]}'?" if close else ""
            raise BatonError(f"the agreement has no target '{name}'; known: {', '.join(known) or 'none'}{hint}")
    return list(dict.fromkeys(asked)) or known


def _found(secrets: Secrets, name: str) -> str:
    try:
        return secrets.find(name).where
    except BatonError:
        return "missing"


def _service(post: Post, name: str) -> str:
    try:
        return post.address(name).service
    except BatonError:
        return "?"


def _route(route: Route) -> tuple[str, str, str, str]:
    """A route in four columns: changes, which clocks or promises, who is told, and the escalation."""
    limits = {"clause": route.clause, "owed by": route.owed_by, "owner": route.owner, "team": route.team}
    told = [f"{what} {', '.join(names)}" for what, names in limits.items() if names is not None]
    steps = [f"after {step.after}: {', '.join(step.to)}{_urgent(step.urgent)}" for step in route.escalate]
    to = f"{', '.join(route.to)}{_urgent(route.urgent)}"
    everything = "every promise and goal" if route.is_of_promises else "every clock"
    return ", ".join(route.change), "; ".join(told) or everything, to, "; ".join(steps)


def _urgent(urgent: bool) -> str:
    return " (urgent)" if urgent else ""


def _line(state: str, style: str, name: str, word: str) -> None:
    out.print(f"{state:<5}", style=style, end="")
    out.print(f"{name:<18} {word}", markup=False, soft_wrap=True)
