# By digest: what is built tomorrow stands on the same system as what was tried today. docs/operate/supply.md says how to renew it.
ARG PYTHON=python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/venv
COPY requirements.lock /tmp/requirements.lock
RUN /opt/venv/bin/pip install --require-hashes --only-binary=:all: -r /tmp/requirements.lock

FROM ${PYTHON}
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --no-create-home --uid 10001 provkedja
COPY --from=build /opt/venv /opt/venv
WORKDIR /srv/provkedja
COPY alembic.ini ./
COPY migrations migrations
COPY app app
USER 10001
# The commit, for whoever asks a running process: `--build-arg BUILD_COMMIT=$(git rev-parse HEAD)`.
ARG BUILD_COMMIT=
ENV BUILD_COMMIT=$BUILD_COMMIT
# The API; its figures, those of a worker.
EXPOSE 8000 9100 9101
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import os, ssl, urllib.request as r; tls = os.environ.get('TLS_CERTIFICATE_FILE'); r.urlopen(('https' if tls else 'http') + '://127.0.0.1:8000/healthz', timeout=2, context=ssl._create_unverified_context() if tls else None).read()"]
CMD ["python", "-m", "app", "serve", "--host", "0.0.0.0"]
