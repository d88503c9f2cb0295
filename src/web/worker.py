"""The gunicorn worker that serves the app: threads, and no thread for what needs none.

Handing a request to a thread and back takes about as long as a prediction. So a record that has
arrived whole is answered where it was noticed, as long as this worker has nothing else in hand.
Every other request has a thread: uploads, pages, slow senders, the first one of a connection.
"""

from __future__ import annotations

import contextlib
import fcntl
import re
import socket
import termios
import time
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

from src.web.single.fast_path import FastLane

MOST_BYTES = 8192  # of a request that needs no thread
REQUEST_LINE = re.compile(rb"POST (/[!-~]*) HTTP/1\.1\r\n")
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,4})[ \t]*(?=\r\n)")
# Words of a head by which gunicorn may read more, or less, than the length says.
UNPLAIN = (b"transfer-encoding", b"expect", b"upgrade")
NOTHING = b"\0\0\0\0"


def path_of_whole_post(seen: bytes) -> str | None:
    r"""Return where something is posted; None unless it is all there, and nothing else.

    Gunicorn alone decides what a request is. Where this is None for a good one, a thread answers.

    Examples
    --------
    >>> head = b"POST /predict HTTP/1.1\r\nContent-Length: 2\r\n\r\n"
    >>> path_of_whole_post(head + b"{}")
    '/predict'
    >>> path_of_whole_post(head + b"{")
    >>> path_of_whole_post(head + b"{}POST /")
    """
    line = REQUEST_LINE.match(seen)
    end = seen.find(b"\r\n\r\n") + 4
    head = seen[:end].lower()
    lengths = LENGTH.findall(head)
    if line is None or len(lengths) != 1 or end + int(lengths[0]) != len(seen):
        return None
    return None if any(word in head for word in UNPLAIN) else line[1].decode("ascii")


class PatientWorker(ThreadWorker):
    """Ends requests that take longer than `timeout`, so that slow senders cannot hold all threads.

    Gunicorn's own `timeout` is for a worker that hangs as a whole. One of its threads waits for a
    slow sender for ever.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._since: dict[TConn, float] = {}  # in the hands of a thread
        self._quick: set[TConn] = set()  # of these, what would have needed none
        self._lane: FastLane | None = None

    def load_wsgi(self) -> None:
        super().load_wsgi()
        if not self.cfg.is_ssl:
            self._lane = getattr(self.wsgi, "extensions", {}).get(FastLane.EXTENSION)
        # Gunicorn reads some setting 25 times a request, each time by two calls.
        self.cfg.__dict__.update({name: s.get() for name, s in self.cfg.settings.items()})

    def handle(self, conn: TConn) -> Any:
        self._since[conn] = time.monotonic()
        try:
            return super().handle(conn)
        finally:
            self._quick.discard(conn)
            del self._since[conn]

    def on_client_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """Answer a record here; have a thread answer everything else."""
        quick = self._is_quick(conn)
        # Beside a thread that computes, this one would wait for Python's lock at each system call.
        if quick and not self._since.keys() <= self._quick:
            self._quick.add(conn)
            quick = False
        if not quick:
            super().on_client_socket_readable(conn, client)
            return
        self.keepalived_conns.remove(conn)
        if self.handle(conn):
            conn.set_timeout()
            self.keepalived_conns.append(conn)
        else:
            self.poller.unregister(client)
            self.nr_conns -= 1
            with contextlib.suppress(OSError):  # closed already
                conn.close(graceful=True)

    def _is_quick(self, conn: TConn) -> bool:
        """Whether answering takes a moment, with no byte, room or model to wait for."""
        if self._lane is None or not self.alive or conn.parser.unreader.buf.getvalue():
            return False
        try:
            seen = conn.sock.recv(MOST_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            path = path_of_whole_post(seen)
            # A client that does not take its answers leaves no room for the next one.
            unsent = fcntl.ioctl(conn.sock, termios.TIOCOUTQ, NOTHING)
        except OSError:
            return False
        return unsent == NOTHING and path is not None and self._lane.is_quick(path)

    def murder_keepalived(self, force: bool = False) -> None:
        super().murder_keepalived(force)
        late = time.monotonic() - self.cfg.timeout
        for conn, since in list(self._since.items()):
            if since < late:
                with contextlib.suppress(OSError):  # its thread ended it meanwhile
                    conn.sock.shutdown(socket.SHUT_RDWR)
