# The Flask app for people who prefer a container. Trained in the first stage, served by the second,
# which holds no training library. It runs gunicorn alone, which a few dozen slow senders keep from
# answering: put a proxy in front that waits for whole requests, as compose.yaml does.
ARG PYTHON=python:3.13-slim-bookworm
# hadolint ignore=DL3006
FROM ${PYTHON} AS trained
WORKDIR /app
COPY requirements.txt ./
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir -r requirements.txt
COPY . .
RUN /venv/bin/python -m src.pipelines.train_pipeline --if-missing --budget quick --quiet

# hadolint ignore=DL3006
FROM ${PYTHON}
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 APP_ENV=production
WORKDIR /app
# requirements-records.txt where predictions are kept: docs/records.md.
ARG REQUIREMENTS=requirements-serve.txt
COPY ${REQUIREMENTS} ./
RUN pip install --no-cache-dir -r "${REQUIREMENTS}" \
  && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin app
COPY application.py gunicorn.conf.py ./
COPY src src
COPY appBackend appBackend
COPY templates templates
COPY static static
COPY --from=trained /app/artifacts/manifest.json artifacts/manifest.json
COPY --from=trained /app/artifacts/runs artifacts/runs
COPY .platform/check_model.py .platform/check_model.py
RUN python .platform/check_model.py
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/ready', timeout=4)"]
CMD ["gunicorn", "--config", "gunicorn.conf.py", "--bind", "0.0.0.0:8000", "application:application"]
