"""How gunicorn runs the app; `gunicorn application:application` reads this file by itself.

Any setting here is overruled on the command line or in GUNICORN_CMD_ARGS="--threads 16".
"""

import os
import urllib.parse

from gunicorn.glogging import Logger

# Read by OpenMP when its libraries load. A pool of threads made before the fork hangs after it, and
# one record is predicted faster by one thread.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The app is made and the model loaded once, before the workers are forked: they share the pages of
# memory, and the random SECRET_KEY where none is set. A promoted run needs no restart.
preload_app = True
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 8

timeout = 30
graceful_timeout = 30
keepalive = 5

limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190

# It would listen in the home folder for commands that nobody here gives.
control_socket_disable = True


class OneLineLogger(Logger):
    """Percent-encodes the path, so that nobody can write a line of their own into the log."""

    def atoms(self, resp, req, environ, request_time):
        atoms = super().atoms(resp, req, environ, request_time)
        path = environ.get("PATH_INFO", "").encode("latin-1", "replace")
        return {**atoms, "U": urllib.parse.quote(path)}


# Without the query string and the referrer, either of which could hold what somebody entered.
logger_class = OneLineLogger
accesslog = "-"
access_log_format = '%(h)s %(t)s "%(m)s %(U)s %(H)s" %(s)s %(b)s %(D)sus'
