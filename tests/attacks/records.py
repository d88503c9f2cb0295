"""Values, bodies and headers that nobody should send."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    "",
    " ",
    "\0",
    "\n",
    "0",
    "-0",
    "-1",
    "101",
    "1e9",
    "1e400",
    "nan",
    "NaN",
    "inf",
    "-inf",
    "Infinity",
    "1_0",
    "５０",
    "٣",
    "0x10",
    "1,5",
    "1.000,5",
    "1 000",
    "\u00a050",
    "50%",
    "٫5",
    "--1",
    "+5",
    "5.",
    ".5",
    "1e",
    "²",
    "½",
    10**400,
    -(10**400),
    1e308,
    1e-320,
    3.0000000001,
    [],
    {},
    [[]],
    {"a": {}},
    [1],
    "[1]",
    "{}",
    "<script>alert(1)</script>",
    "'\"><img src=x onerror=alert(1)>",
    "{{7*7}}",
    "${7*7}",
    "{%x%}",
    "%s%n",
    "../../x",
    "=1+1",
    "@SUM(1)",
    "\u202egpj.exe",
    "İSTANBUL",
    "ı",
    "ß",
    "\ud800",
    "\U0001f600" * 100,
    "x" * 100_000,
    "female\0",
    "FEMALE",
    " female ",
    "fémale",
    "femal\u0435",
    "Group  C",
    "group C; DROP TABLE",
    "null",
    "None",
    "NA",
)
BODIES: tuple[bytes, ...] = (
    b"",
    b" ",
    b"null",
    b"true",
    b"1",
    b'"x"',
    b"[]",
    b"[[]]",
    b"[{}]",
    b"{}",
    b"{",
    b"}",
    b'{"a"',
    b'{"a":}',
    b"{'a': 1}",
    b'{"a": 1,}',
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"a": 1} {"a": 1}',
    b"\xef\xbb\xbf{}",
    b"\xff\xfe{\0}\0",
    b'{"a": NaN}',
    b'{"a": -Infinity}',
    b'{"a": 1e999}',
    b'{"a": ' + b"9" * 10_000 + b"}",
    b'{"a": "\\ud800"}',
    b'{"a": "\x01"}',
    b"//x\n{}",
    b'{"__proto__": {}}',
    b'{"a": 1, "a": 2}',
    b'{"": 1}',
    b"{" + b",".join(b'"k%d": 1' % i for i in range(20_000)) + b"}",
)
HEADERS: tuple[dict[str, str], ...] = (
    {"Host": "evil.example"},
    {"Host": ""},
    {"Host": "a:b:c"},
    {"Host": "[::1"},
    {"Origin": "null"},
    {"Origin": "http://evil.example"},
    {"Origin": "://"},
    {"Origin": "http://[::1"},
    {"Origin": "x" * 5000},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "nonsense"},
    {"Sec-Fetch-Site": ""},
    {"X-Forwarded-For": "1.1.1.1:80"},
    {"X-Forwarded-For": "," * 1000},
    {"X-Forwarded-Proto": "javascript"},
    {"X-Forwarded-Host": "evil.example"},
    {"X-Forwarded-Prefix": "//evil.example"},
    {"Forwarded": "for=x"},
    {"Accept": "*/*;q=nan"},
    {"Accept": "application/json;q=1e9"},
    {"Accept": "," * 1000},
    {"Accept": "text/html;q=0"},
    {"Accept-Language": "x" * 5000},
    {"Accept-Encoding": "gzip;q=-1"},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer  "},
    {"Authorization": "Basic !!!"},
    {"Authorization": "Digest " + "a=b," * 100},
    {"Cookie": "a" * 5000},
    {"Cookie": "session=\xff"},
    {"Range": "bytes=9-1"},
    {"Range": "bytes=-0"},
    {"If-Modified-Since": "yesterday"},
    {"If-None-Match": "*"},
    {"If-Range": "x"},
    {"Content-Type": ""},
    {"Content-Type": "application/json;;;"},
    {"Content-Type": "application/JSON"},
    {"Content-Type": "text/json"},
    {"Content-Type": "application/x-www-form-urlencoded; charset=utf-7"},
    {"Content-Type": 'multipart/form-data; boundary="'},
    {"Content-Type": "multipart/mixed; boundary=b"},
    {"Content-Type": "*/*"},
    {"Content-Length": "abc"},
    {"X-Request-ID": "x\ty"},
    {"Referer": "javascript:1"},
    {"User-Agent": "'\"<>"},
    {"Purpose": "prefetch"},
    {"X-HTTP-Method-Override": "PUT"},
    {"Expect": "nonsense"},
    {"Date": "x"},
    {"Max-Forwards": "-1"},
    {"DNT": "x"},
)
KEPT_HEADERS = (
    "Content-Security-Policy",
    "X-Content-Type-Options",
    "Referrer-Policy",
    "X-Request-ID",
)
ANSWERED = ("/", "/predict", "/api/v1/predict")


def records(record: dict[str, Any], step: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every ``step``-th of the records with an odd value in a field, or an odd name."""
    made = [
        (f"{name}={str(value)[:20]!r}", record | {name: value})
        for name in record
        for value in VALUES
    ]
    made += [(f"name {str(value)[:20]!r}", record | {str(value): 1}) for value in VALUES]
    made += [(f"without {name}", {k: v for k, v in record.items() if k != name}) for name in record]
    yield from made[::step]


def as_json(record: dict[str, Any]) -> bytes:
    return json.dumps(record).encode()


def as_form(record: dict[str, Any]) -> dict[str, str]:
    texts = {name: str(value) for name, value in record.items()}
    return {
        k.encode("utf-8", "replace").decode(): v.encode("utf-8", "replace").decode()
        for k, v in texts.items()
    }


def fault_of(answer: Any) -> str:
    """Return what is wrong with an answer of the app."""
    if answer.status_code >= 500:
        return f"answered {answer.status_code}"
    if missing := [name for name in KEPT_HEADERS if name not in answer.headers]:
        return f"lacks {missing}"
    if "Set-Cookie" in answer.headers or "Access-Control-Allow-Origin" in answer.headers:
        return "a header that nobody asked for"
    text = answer.get_data(as_text=True)
    if answer.mimetype == "text/html" and ("<script>alert" in text or "<img src=x" in text):
        return "a script is in the page"
    if answer.mimetype == "application/json":
        body = json.loads(text)
        if answer.status_code >= 400 and set(body) != {"ok", "error", "errors", "status"}:
            return "an error of another shape"
    return "told of a failure of ours" if "Traceback" in text else ""
