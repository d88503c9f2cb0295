"""Requests as bytes: what is no HTTP, what two servers may read in two ways, odd addresses."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

CANARY = b"zzcanaryzz"
END = b"\r\n\r\n"
BODY = b'{"reading_score": 1}'
PATHS = (
    b"/",
    b"/predict",
    b"/api/v1/predict",
    b"/api/v1/predict/batch",
    b"/batch",
    b"/health",
    b"/static/style.css",
    b"/model/report.html",
)
ODD_PATHS = (
    b"//",
    b"/..",
    b"/../../etc/passwd",
    b"/static/../application.py",
    b"/static/%2e%2e/src/config.py",
    b"/static/..%2f..%2fapplication.py",
    b"/static/%252e%252e/x",
    b"/static/%00",
    b"/static/style.css%00.png",
    b"/batch/%2e%2e",
    b"/batch/..%5c..",
    b"/batch/" + b"a" * 32,
    b"/batch/" + b"a" * 3000,
    b"/model/..%2fmanifest.json",
    b"/%ff%fe",
    b"/%",
    b"/%zz",
    b"/\xc3\xa9",
    b"/\xff",
    b"/?a=%ff",
    b"/?" + b"a=1&" * 900,
    b"/predict?contributions=%00",
    b"/predict;x=1",
    b"/predict/",
    b"/PREDICT",
    b"/api/v1/",
    b"/api/v1/model?x[]=1",
    b"http://evil.example/",
    b"evil.example:80",
    b"*",
    b"/\\",
    b"/batch?deleted=<script>",
    b"/?reading_score=" + CANARY,
    b"/#x",
)
LINES = (
    b"",
    b"GET",
    b"GET /",
    b"GET / HTTP/0.9",
    b"GET / HTTP/1.2",
    b"GET / HTTP/2.0",
    b"GET / HTTP/9.9",
    b"get / http/1.1",
    b"GET\t/\tHTTP/1.1",
    b"GET  /  HTTP/1.1",
    b" GET / HTTP/1.1",
    b"GET / HTTP/1.1 x",
    b"\x16\x03\x01\x02\x00\x01\x00",
    b"PRI * HTTP/2.0",
    b"CONNECT x:1 HTTP/1.1",
    b"TRACE / HTTP/1.1",
    b"OPTIONS * HTTP/1.1",
    b"BREW / HTTP/1.1",
    b"G\x00T / HTTP/1.1",
    b"A" * 5000 + b" / HTTP/1.1",
    b"GET /" + b"a" * 5000 + b" HTTP/1.1",
    b"GET / HTTP/1.1\r\nGET / HTTP/1.1",
    CANARY,
)
HEADS = (
    b"Content-Length: -1",
    b"Content-Length: +5",
    b"Content-Length: 0x10",
    b"Content-Length: 1e3",
    b"Content-Length: 99999999999999999999",
    b"Content-Length: 5\r\nContent-Length: 6",
    b"Content-Length: 5, 5",
    b"Content-Length: 5\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: chunked, gzip",
    b"Transfer-Encoding:\tchunked",
    b"Transfer-Encoding : chunked",
    b"Transfer-Encoding: \x0bchunked",
    b" folded: x",
    b"X: a\r\n folded",
    b"X: \x00",
    b"X\x00: 1",
    b": empty",
    b"no colon",
    b"X: " + b"a" * 9000,
    b"\r\n".join(b"X%d: 1" % i for i in range(100)),
    b"Host: a\r\nHost: b",
    b"Host: ",
    b"Host: x/y",
    b"Host: [::1",
    b"Host: " + CANARY,
    b"Expect: 100-continue",
    b"Expect: x",
    b"Upgrade: websocket\r\nConnection: Upgrade",
    b"Connection: close, " + CANARY,
    b"Content-Type: application/json; charset=nonsense",
    b"Content-Type: " + b"a/" * 100,
    b"Content-Type: multipart/form-data",
    b"Content-Type: multipart/form-data; boundary=",
    b"Content-Type: multipart/form-data; boundary=" + b"b" * 3000,
    b"Content-Encoding: gzip",
    b"Range: bytes=0-,0-,0-,0-",
    b"If-None-Match: " + b'"x",' * 500,
    b"X-Forwarded-For: " + b"1.1.1.1," * 500,
    b"Forwarded: for=" + CANARY,
    b"Authorization: Bearer \xff",
    b"Cookie: " + b"a=b; " * 500,
    b"SCRIPT_NAME: /x",
    b"X-Script-Name: /x",
    b"X-Http-Method-Override: DELETE",
    b"Proxy: http://evil",
    b"Transfer_Encoding: chunked",
)
CHUNKS = (
    b"0\r\n\r\n",
    b"zz\r\n",
    b"-1\r\n",
    b"ffffffffffffffff\r\nx",
    b"5\r\nabcdefgh\r\n0\r\n\r\n",
    b"5;ext=" + b"x" * 5000,
    b"5\nabcde\n0\n\n",
    b"1\r\na\r\n" * 200 + b"0\r\n\r\n",
    b"0\r\nTrailer: x\r\n\r\n",
    b"5\r\nab",
    b" 5\r\nabcde\r\n0\r\n\r\n",
)


def plain(dice: random.Random, n: int) -> Iterator[bytes]:
    """Yield requests: each odd part once, then parts put together at random."""
    for path in ODD_PATHS:
        yield b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close" + END
    for line in LINES:
        yield line + b"\r\nHost: x\r\nConnection: close" + END
    for head in HEADS:
        yield from (request(path, head) for path in (b"/predict", b"/batch"))
    for chunks in CHUNKS:
        for path in (b"/predict", b"/api/v1/predict/batch", b"/batch"):
            yield request(path, b"Transfer-Encoding: chunked", chunks)
    for _ in range(n):
        made = bytearray(request(dice.choice([*PATHS, *ODD_PATHS]), dice.choice(HEADS)))
        for _ in range(dice.randint(0, 3)):
            at = dice.randrange(len(made))
            made[at : at + dice.randint(0, 3)] = bytes(
                dice.choices(range(256), k=dice.randint(0, 3))
            )
        yield bytes(made)


def request(path: bytes, head: bytes, body: bytes = BODY) -> bytes:
    return b"".join(
        (
            b"POST ",
            path,
            b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n",
            head,
            END,
            body,
        )
    )


def fault_of(url: str, sent: bytes) -> str:
    """Send bytes, end the sending, and return what is wrong with the answer."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        try:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
        except (BrokenPipeError, ConnectionResetError):  # it was refused before it ended
            return ""
        except TimeoutError:
            return "no answer"
    if not answer:
        return ""
    status = answer[9:12]
    if not answer.startswith(b"HTTP/1.") or (status >= b"500" and status not in (b"501", b"505")):
        return f"answered {answer[:40]!r}"
    if CANARY in answer.partition(END)[0]:
        return "what was sent stands in the head of the answer"
    return "told of a failure of ours" if b"Traceback" in answer else ""
