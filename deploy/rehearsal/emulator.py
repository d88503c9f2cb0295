"""AWS on a loopback port: moto for S3, our Elastic Beanstalk, and IAM in front of both."""

from __future__ import annotations

import logging
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from werkzeug import Request, Response

from deploy.policies import shipped
from deploy.rehearsal import calls
from deploy.rehearsal.beanstalk import Beanstalk, RefusedError
from deploy.rehearsal.iam import Document, is_allowed
from deploy.templates import Account

ACCOUNT = Account("123456789012", "us-east-1")  # moto's
PRINCIPALS = {
    "github": ("github-role.json", "developer-environment.json"),
    "developer": ("developer.json", "developer-environment.json", "require-mfa.json"),
    "pipeline": ("pipeline-role.json",),
    "build": ("build-role.json",),
    "instance": ("instance-role.json",),
}
ADMINISTRATOR: Document = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
# What moto plays for them alone: nobody else is checked on it.
OF_ADMINISTRATORS = ("cloudformation", "sns", "sts")
CONTEXT = {"aws:MultiFactorAuthPresent": "true"}


def shipped_policies() -> dict[str, list[Document]]:
    """Return the shipped policies of each principal, and those of one who may do everything."""
    files = shipped(ACCOUNT)
    policies: dict[str, list[Document]] = {"administrator": [ADMINISTRATOR]}
    return policies | {who: [files[name] for name in names] for who, names in PRINCIPALS.items()}


class Emulator:
    """The server; it lets a call through only if the caller's policies allow it.

    It counts what it allowed, by principal and action, and notes what it denied to whom.
    """

    def __init__(self, policies: Mapping[str, list[Document]], beanstalk: Beanstalk) -> None:
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import WSGIRequestHandler, make_server

        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # the calls are counted
        WSGIRequestHandler.protocol_version = "HTTP/1.1"
        self.policies = policies
        self.beanstalk = beanstalk
        self.allowed: Counter[tuple[str, str]] = Counter()
        self.denied: list[str] = []
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._application, threaded=True)
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
            "AWS_SECRET_ACCESS_KEY": "rehearsal",
            "AWS_DEFAULT_REGION": ACCOUNT.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str, principal: str, region: str = ACCOUNT.region) -> Any:
        """Return a boto3 client that calls in a principal's name."""
        import boto3

        key = calls.access_key(principal)
        session = boto3.Session(key, "rehearsal", region_name=region)
        return session.client(service, endpoint_url=self.url)

    def _check(self, principal: str, action: str, resources: list[str]) -> None:
        if not is_allowed(self.policies.get(principal, []), action, resources, CONTEXT):
            what = f"not authorized to perform: {action} on {resources[0]}"
            raise RefusedError(what, calls.DENIED)
        self.allowed[principal, action] += 1

    def _application(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        from moto.core.parse import PROTOCOL_PARSERS
        from moto.core.serialize import SERIALIZERS, SerializationContext
        from moto.core.utils import get_service_model

        request, request_id, status = Request(environ), str(uuid.uuid4()), 200
        result: dict[str, Any] | RefusedError
        principal, model = "unknown", get_service_model("elasticbeanstalk")
        operation = model.operation_model("DescribeEvents")  # any, for a refusal
        try:
            principal, service = calls.signer(request)
            if service == "s3":
                self._check(principal, *calls.s3(request))
                return self._moto(environ, start_response)
            if service in OF_ADMINISTRATORS and principal == "administrator":
                return self._moto(environ, start_response)
            if service != "elasticbeanstalk":
                raise RefusedError(f"The rehearsal does not know {service}.", calls.DENIED)
            action = request.form["Action"]
            operation = model.operation_model(action)
            parts = {"method": "POST", "values": request.form, "headers": request.headers}
            asked = PROTOCOL_PARSERS["query"](operation).parse(
                {**parts, "url_path": "/", "url_params": {}, "body": b""}
            )
            names = self.beanstalk.arn, self.beanstalk.app_name, self.beanstalk.env_name
            self._check(principal, *calls.beanstalk(action, asked, *names))
            result = self.beanstalk.answer(action, asked, request_id)
        except RefusedError as error:
            result, status = error, 403 if error.code == calls.DENIED else 400
            if error.code == calls.DENIED:
                self.denied.append(f"{principal}: {error}")
        serializer = SERIALIZERS["query"](operation, SerializationContext(request_id))
        body = serializer.serialize(result)["body"]
        return Response(body, status, mimetype="text/xml")(environ, start_response)
