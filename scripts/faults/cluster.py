"""The three brokers of a fault run: started by scripts/kafka, harmed and mended by signals."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

from confluent_kafka.admin import AdminClient

SCRIPT = Path(__file__).resolve().parents[1] / "kafka"
HEALTHY_SECONDS = 90.0


class Cluster:
    """Brokers 1 to 3 in `folder`; their node ids are these numbers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bootstrap = ""

    def _run(self, *arguments: str) -> str:
        command = [sys.executable, str(SCRIPT), *arguments, "--folder", str(self.folder)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def start(self, broker: int | None = None) -> None:
        """Start what does not run: all brokers, or one."""
        which = ["--brokers", "3"] if broker is None else ["--broker", str(broker)]
        self.bootstrap = self._run("start", *which)

    def stop(self) -> None:
        """Stop all brokers."""
        self._run("stop")

    def pid(self, broker: int) -> int:
        """The process id of a broker."""
        return int(self._run("pid", "--broker", str(broker)))

    def signal(self, broker: int, number: signal.Signals) -> None:
        """Send a signal to a broker's process."""
        os.kill(self.pid(broker), number)

    def limit_files(self, broker: int, limit_bytes: int | None) -> None:
        """No file of this broker may grow beyond the limit: what a full disk is to a program."""
        size = resource.RLIM_INFINITY if limit_bytes is None else limit_bytes
        hard = resource.RLIM_INFINITY
        resource.prlimit(self.pid(broker), resource.RLIMIT_FSIZE, (size, hard))

    def largest_file(self, broker: int, topic: str) -> int:
        """Bytes of the largest segment of the topic's partition on this broker."""
        folder = self.folder / f"broker-{broker}" / "data" / f"{topic}-0"
        return max(path.stat().st_size for path in folder.glob("*.log"))

    def is_running(self, broker: int) -> bool:
        """Whether the broker's process lives."""
        command = [sys.executable, str(SCRIPT), "pid", "--broker", str(broker)]
        folder = ["--folder", str(self.folder)]
        return subprocess.run([*command, *folder], capture_output=True, check=False).returncode == 0

    def leader(self, topic: str) -> int:
        """The broker that leads partition 0 of the topic; -1 where there is none."""
        found = self._admin().list_topics(topic, timeout=20).topics[topic].partitions
        return found[0].leader if 0 in found else -1

    def wait_until_whole(self, topic: str) -> None:
        """Wait until all three replicas of the topic are in sync; raises `TimeoutError`."""
        admin = self._admin()
        deadline = time.monotonic() + HEALTHY_SECONDS
        while time.monotonic() < deadline:
            found = admin.list_topics(topic, timeout=20).topics[topic].partitions
            if 0 in found and found[0].leader > 0 and len(found[0].isrs) == 3:
                return
            time.sleep(0.5)
        msg = f"{topic}: not all replicas were in sync after {HEALTHY_SECONDS:.0f} s"
        raise TimeoutError(msg)

    def delete(self, topic: str) -> None:
        """Remove a topic that has been judged, so that thirty runs need little disk."""
        admin = self._admin()
        admin.delete_topics([topic])[topic].result(timeout=30)

    def _admin(self) -> AdminClient:
        # Its own log tells of every broker that is down: here that is meant.
        return AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
