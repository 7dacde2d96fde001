"""A small closed-model load for the fault tests: threads that ask again once they are answered."""

import http.client
import json
import threading
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Seen:
    """What the clients saw."""

    accepted: list[str] = field(default_factory=list)  # ids that came with a 200
    refused: int = 0
    broken: int = 0  # no answer at all: the check is there once or not at all

    @property
    def availability(self) -> float:
        return len(self.accepted) / max(1, len(self.accepted) + self.refused + self.broken)


class Load:
    """A context manager: the clients start on entry and have ended on exit; each rests `pause` s after an answer."""

    def __init__(self, url: str, clients: int, pause: float = 0, timeout: float = 15.0) -> None:
        self._address = urlsplit(url).netloc
        self._pause, self._timeout = pause, timeout
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._clients = [threading.Thread(target=self._ask, daemon=True) for _ in range(clients)]
        self.seen = Seen()

    def __enter__(self) -> "Load":
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for client in self._clients:
            client.join()

    def _ask(self) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=self._timeout)
        while not self._stop.is_set():
            try:
                connection.request("GET", "/status")
                response = connection.getresponse()
                body = response.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                with self._lock:
                    self.seen.broken += 1
                self._stop.wait(0.05)  # as a client would, instead of hammering a closed port
                continue
            with self._lock:
                if response.status == 200:
                    self.seen.accepted.append(json.loads(body)["id"])
                else:
                    self.seen.refused += 1
            self._stop.wait(self._pause)
        connection.close()
