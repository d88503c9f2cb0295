"""AWS on a loopback port: moto for S3, our Elastic Beanstalk, and IAM in front of both."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug import Request, Response

from deploy.rehearsal import calls
from deploy.rehearsal.beanstalk import Beanstalk, InvalidParameterError
from deploy.rehearsal.iam import Call, Document, is_allowed

SECRET = "rehearsal"


class AccessDeniedError(Exception):
    """A call that the caller's policies do not allow."""

    code = "AccessDenied"


@dataclass
class Gate:
    """Lets a call through only if the caller's policies allow it, and counts the calls.

    Attributes
    ----------
    policies : dict of str to list of documents
        By principal.
    allowed : Counter of (principal, action)
    denied : list of Call
    """

    policies: Mapping[str, list[Document]]
    allowed: Counter[tuple[str, str]] = field(default_factory=Counter)
    denied: list[Call] = field(default_factory=list)

    def check(self, principal: str, action: str, resources: list[str]) -> None:
        """Count a call.

        Raises
        ------
        AccessDeniedError
            If the principal's policies do not allow it.
        """
        call = Call(principal, action, tuple(resources), {"aws:MultiFactorAuthPresent": "true"})
        if not is_allowed(self.policies.get(principal, []), call):
            self.denied.append(call)
            raise AccessDeniedError(f"not authorized to perform: {action} on {resources[0]}")
        self.allowed[principal, action] += 1


class Emulator:
    """The server; requests go to it through ``AWS_ENDPOINT_URL``."""

    def __init__(self, gate: Gate, beanstalk: Beanstalk) -> None:
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import WSGIRequestHandler, make_server

        class Quiet(WSGIRequestHandler):
            protocol_version = "HTTP/1.1"

            def log(self, *arguments: Any) -> None:
                """Print nothing: the gate counts the calls."""

        self.gate = gate
        self.beanstalk = beanstalk
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server(
            "127.0.0.1", 0, self._application, threaded=True, request_handler=Quiet
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
            "AWS_ACCESS_KEY_ID": calls.access_key(principal),
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": self.beanstalk.account.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def s3(self, principal: str) -> Any:
        """Return a boto3 client that calls in a principal's name."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=self.beanstalk.account.region,
            aws_access_key_id=calls.access_key(principal),
            aws_secret_access_key=SECRET,
        )

    def _application(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        request, request_id, status = Request(environ), str(uuid.uuid4()), 200
        action = "DescribeEvents"
        result: dict[str, Any] | Exception
        try:
            principal, service = calls.signer(request)
            if service == "s3":
                self.gate.check(principal, *calls.s3(request))
                return self._moto(environ, start_response)
            if service != "elasticbeanstalk":
                raise calls.UnknownCallError(f"The rehearsal does not know {service}.")
            action = request.form["Action"]
            given = _parameters(action, request)
            names = self.beanstalk.arn, self.beanstalk.app_name, self.beanstalk.env_name
            self.gate.check(principal, *calls.beanstalk(action, given, *names))
            result = self.beanstalk.answer(action, given, request_id)
        except calls.UnknownCallError as error:
            self.gate.denied.append(Call("unknown", str(error)))
            result, status = error, 403
        except AccessDeniedError as error:
            result, status = error, 403
        except InvalidParameterError as error:
            result, status = error, 400
        answer = Response(_xml(action, result, request_id), status, mimetype="text/xml")
        return answer(environ, start_response)


def _operation(action: str) -> Any:
    from moto.core.utils import get_service_model

    return get_service_model("elasticbeanstalk").operation_model(action)


def _parameters(action: str, request: Request) -> dict[str, Any]:
    from moto.core.parse import PROTOCOL_PARSERS

    parser = PROTOCOL_PARSERS["query"](_operation(action))
    parts = {"method": "POST", "values": request.form, "headers": request.headers}
    return parser.parse({**parts, "url_path": "/", "url_params": {}, "body": b""})


def _xml(action: str, result: dict[str, Any] | Exception, request_id: str) -> str:
    from moto.core.serialize import SERIALIZERS, SerializationContext

    serializer = SERIALIZERS["query"](_operation(action), SerializationContext(request_id))
    return serializer.serialize(result)["body"]
