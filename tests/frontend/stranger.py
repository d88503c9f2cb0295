"""A program that is not ours."""


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b"<p>Welcome to nginx!</p>"]
