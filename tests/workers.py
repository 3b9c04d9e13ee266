"""The workers of a run: started, watched, hurt, and started again when they end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


class Workers:
    """Processes of `baton engine`, each with a state folder of its own."""

    def __init__(self, directory: Path, settings: dict[str, str]) -> None:
        self.directory = directory
        self.settings = settings
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self.stopped: set[int] = set()
        self.prelude = ""
        """What a worker runs before it is one, such as to make something smaller than it is."""

    def start(self, number: int) -> None:
        """Start a worker; its log is kept through restarts."""
        state = self.directory / f"state-{number}"
        env = os.environ | self.settings | {"BATON_STATE_DIR": str(state), "PYTHONPATH": str(ROOT)}
        with (self.directory / f"worker-{number}.log").open("ab") as log:
            self.processes[number] = subprocess.Popen(
                [sys.executable, "-c", f"{self.prelude}\nfrom agents.cli import main; main()", "engine"],
                env=env,
                cwd=self.directory,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def send(self, number: int, which: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        if self.processes[number].poll() is None:
            self.processes[number].send_signal(which)

    def end(self, number: int, which: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end."""
        self.send(number, which)
        return self.processes[number].wait(60)

    def tend(self) -> list[tuple[int, int]]:
        """Start again those that ended by themselves; returns which, with their exit codes."""
        ended = [
            (number, code)
            for number, process in self.processes.items()
            if number not in self.stopped and (code := process.poll()) is not None
        ]
        for number, _ in ended:
            self.start(number)
        return ended

    def leave(self, number: int) -> int:
        """Stop a worker for good."""
        self.stopped.add(number)
        return self.end(number)

    def end_all(self) -> None:
        """SIGCONT and SIGKILL whoever still runs."""
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()
