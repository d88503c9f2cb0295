"""AWS on a loopback port: moto for what it knows, Beanstalk beside it, IAM in front of both."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deploy.rehearsal import calls
from deploy.rehearsal.beanstalk import Beanstalk
from deploy.rehearsal.iam import Call, Document, is_allowed
from deploy.rehearsal.template import Account

DENIED = """<?xml version="1.0"?>
<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>{message}</Message>\
</Error><RequestId>0</RequestId></ErrorResponse>"""


@dataclass
class Gate:
    """Lets a call through only if the caller's policies allow it, and remembers each.

    Attributes
    ----------
    policies : dict of str to list of documents
        By principal. The access key ``AKIA-NAME`` belongs to the principal ``name``.
    allowed : Counter of (principal, action)
    denied : list of Call
    """

    policies: Mapping[str, list[Document]]
    allowed: Counter[tuple[str, str]] = field(default_factory=Counter)
    denied: list[Call] = field(default_factory=list)

    @staticmethod
    def key(principal: str) -> str:
        """Return the access key of a principal."""
        return f"AKIA{principal.upper():0>16}"

    def passes(self, call: Call) -> bool:
        """Whether the call may go on."""
        names = {self.key(name): name for name in self.policies}
        principal = names.get(call.principal, call.principal)
        call = Call(principal, call.action, call.resources, call.context)
        if is_allowed(self.policies.get(principal, []), call):
            self.allowed[principal, call.action] += 1
            return True
        self.denied.append(call)
        return False


@dataclass
class Emulator:
    """The server; requests go to it through ``AWS_ENDPOINT_URL``."""

    account: Account
    gate: Gate
    beanstalk: Beanstalk
    url: str = ""
    _server: Any = None

    def start(self) -> None:
        """Listen on a free loopback port."""
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import WSGIRequestHandler, make_server

        class Quiet(WSGIRequestHandler):
            protocol_version = "HTTP/1.1"

            def log(self, *arguments: Any) -> None:
                """Say nothing: the gate keeps the list of calls."""

        moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server(
            "127.0.0.1", 0, self._wrap(moto), threaded=True, request_handler=Quiet
        )
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()

    def environment(self, principal: str) -> dict[str, str]:
        """Return the variables with which AWS's tools call in a principal's name."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": Gate.key(principal),
            "AWS_SECRET_ACCESS_KEY": "rehearsal",
            "AWS_DEFAULT_REGION": self.account.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, principal: str, service: str) -> Any:
        """Return a boto3 client that calls in a principal's name."""
        import boto3

        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=self.account.region,
            aws_access_key_id=Gate.key(principal),
            aws_secret_access_key="rehearsal",
        )

    def _wrap(self, moto: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        def application(
            environ: dict[str, Any], start_response: Callable[..., Any]
        ) -> Iterable[bytes]:
            def say(status: str, text: str) -> Iterable[bytes]:
                content = text.encode()
                headers = [("Content-Type", "text/xml"), ("Content-Length", str(len(content)))]
                start_response(status, headers)
                return [content]

            try:
                _, service = calls.signer(environ)
                body = b"" if service == "s3" else _body(environ)
                names = self.beanstalk.app_name, self.beanstalk.env_name
                call = calls.read(environ, body, self.account, *names)
            except calls.UnknownCallError as error:
                self.gate.denied.append(Call("unknown", str(error)))
                return say("403 Forbidden", DENIED.format(message=error))
            if not self.gate.passes(call):
                message = f"not authorized to perform: {call.action} on {call.resources[0]}"
                return say("403 Forbidden", DENIED.format(message=message))
            if service == "elasticbeanstalk":
                status, text = self.beanstalk.answer(body)
                return say(f"{status} {'OK' if status == 200 else 'Bad Request'}", text)
            return moto(environ, start_response)

        return application


def _body(environ: dict[str, Any]) -> bytes:
    """Return a request's body, and put it back for whoever reads it next."""
    import io

    body = bytes(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    environ["wsgi.input"] = io.BytesIO(body)
    return body
