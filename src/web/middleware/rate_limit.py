"""So many requests a minute for each client, counted across the workers."""

from __future__ import annotations

import hashlib
import ipaddress
import mmap
import re
import secrets
import time
from collections.abc import Callable

from src.web.middleware.shared_memory import SharedLock

WINDOW_S = 60.0
N_PLACES = 1 << 14  # clients that are remembered at once: 256 KiB
PROBES = 8
IPV4 = re.compile(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})\.(\d{1,9})", re.ASCII)


class RateLimiter:
    """Let each client make ``limit`` requests at once, and as many a minute after that.

    A place in shared memory holds a client's theoretical arrival time: when it would come had it
    kept an even pace. Clients are known by a keyed hash, so that no address is kept. Where more of
    them come within a minute than there are places, the one that asked least is forgotten.

    Parameters
    ----------
    limit : int
        Requests a minute.
    clock : callable
        Monotonic seconds, the same for all processes.

    References
    ----------
    The generic cell rate algorithm: ITU-T I.371 (2004), annex A.
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval_s = WINDOW_S / limit
        self._clock = clock
        self._key = secrets.token_bytes(16)
        memory = memoryview(mmap.mmap(-1, 16 * N_PLACES))
        self._clients = memory[: 8 * N_PLACES].cast("Q")
        self._arrivals = memory[8 * N_PLACES :].cast("d")
        self._lock = SharedLock()

    def wait_s(self, client: str) -> float:
        """Count a request and return 0, or return the seconds after which one will be let pass."""
        digest = hashlib.blake2b(client.encode(), digest_size=8, key=self._key).digest()
        number = int.from_bytes(digest) or 1  # 0 is an empty place
        group = number % (N_PLACES // PROBES)
        with self._lock.held():
            now = self._clock()
            place = self._place(number, group * PROBES)
            arrival = max(self._arrivals[place] if self._clients[place] == number else 0.0, now)
            wait_s = arrival + self._interval_s - now - WINDOW_S
            if wait_s > 1e-9:
                return wait_s
            self._clients[place] = number
            self._arrivals[place] = arrival + self._interval_s
        return 0.0

    def _place(self, number: int, first: int) -> int:
        places = range(first, first + PROBES)
        for place in places:
            if self._clients[place] == number:
                return place
        return min(places, key=lambda place: self._arrivals[place])  # 0 where it is empty


def network(address: str) -> str:
    """Return whom an address stands for: itself, or the /64 network that one IPv6 host owns.

    A port beside it, zeros before its numbers and another spelling make no other client of it. All
    that is no address is one client.

    Examples
    --------
    >>> network("192.0.2.7"), network("192.0.2.007:4711"), network("[2001:db8:1:2:3::4]:80")
    ('192.0.2.7', '192.0.2.7', '2001:db8:1:2::')
    >>> network("unix:")
    ''
    """
    text = address.strip()
    if (found := IPV4.match(text)) and not text[found.end() :].strip(":0123456789"):
        return ".".join(str(int(number)) for number in found.groups())
    text = text.removeprefix("[").partition("]")[0].partition("%")[0]
    try:
        host = ipaddress.IPv6Address(text)
    except ValueError:
        return ""
    if host.ipv4_mapped:  # how a socket for both kinds shows IPv4
        return str(host.ipv4_mapped)
    return str(ipaddress.IPv6Address(int(host) >> 64 << 64))
