"""How gunicorn runs the app; `gunicorn application:application` reads this file by itself.

Any setting here is overruled on the command line or in GUNICORN_CMD_ARGS="--threads 16".
"""

import os
import signal
import sys
import traceback
from pathlib import Path

from gunicorn.glogging import Logger

sys.path.insert(0, str(Path(__file__).parent))  # the command's own folder stands there otherwise

from src.config import load_settings
from src.exception import ConfigurationError
from src.logger import JSONFormatter
from src.web.batch.service import BatchService
from src.web.worker import PatientWorker


def read_workers_or_exit():
    """Return how many workers there are to be; gunicorn itself refuses what is no number."""
    workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
    if workers < 1:
        sys.stderr.write(f"WEB_CONCURRENCY must be a whole number, 1 or more. Got {workers}.\n")
        sys.exit(3)
    return workers


# Read by OpenMP when its libraries load. A pool of threads made before the fork hangs after it, and
# one record is predicted faster by one thread.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The app is made and the model loaded once, before the workers are forked: they share the pages of
# memory and the counters of /metrics and of the rate limit. A promoted run needs no restart.
preload_app = True
workers = read_workers_or_exit()
threads = 8

timeout = 30
graceful_timeout = 30
keepalive = 5

limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190

# A client could say by these headers where the app is mounted, where its proxy passes all of them
# on; gunicorn answers 500 to what does not fit.
forwarder_headers = ""

# It would listen in the home folder for commands that nobody here gives.
control_socket_disable = True

# The app writes a line for each request, without its query string: see src/logger.py.
accesslog = None


class SameLines(Logger):
    """Writes gunicorn's own lines as the app writes its: quoting nothing that a client sent."""

    def setup(self, cfg):
        super().setup(cfg)
        try:
            json_lines = load_settings().json_logs
        except ConfigurationError:  # the app says so in a moment
            return
        if json_lines:
            for handler in self.error_log.handlers:
                handler.setFormatter(JSONFormatter())

    def warning(self, msg, *args, **kwargs):
        if msg.startswith("Invalid request from ip="):
            msg = "Refused what is no HTTP request"
        super().warning(msg, *args, **kwargs)

    def exception(self, msg, *args, **kwargs):
        kind, _, trace = sys.exc_info()
        where = "".join(traceback.format_tb(trace))
        self.error("%s (%s)\n%s", msg.partition(" %s")[0], kind and kind.__name__, where)


logger_class = SameLines

STOP = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}


def pre_fork(server, worker):
    """Let an order to stop wait until the new worker has signal handlers of its own.

    With those of its parent it would take the order for one to its parent, and live on until
    `graceful_timeout` has passed.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP)


os.register_at_fork(after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP))


def post_worker_init(worker):
    """Let the order come, whichever class of worker runs; have each one sweep old uploads."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP)
    if batches := getattr(worker.wsgi, "extensions", {}).get(BatchService.EXTENSION):
        batches.workspace.keep_swept()


worker_class = PatientWorker
