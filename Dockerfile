# Stage 1 installs into a virtual environment; stage 2 takes that and the source, nothing that builds.
FROM python:3.11-slim-bookworm AS build

ENV PYTHONDONTWRITEBYTECODE=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1

RUN python -m venv /opt/venv
# Requirements before source: a change of code does not install everything again.
COPY requirements.txt .
RUN /opt/venv/bin/pip install -r requirements.txt


FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    NUMBA_CACHE_DIR=/app/data/compiled \
    PATH="/opt/venv/bin:$PATH"

RUN apt-get update \
    && apt-get install --yes --no-install-recommends curl \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /app --shell /usr/sbin/nologin perpilot \
    && mkdir -p /app/data \
    && chown perpilot:perpilot /app/data \
    && chmod 700 /app/data

WORKDIR /app
COPY --from=build /opt/venv /opt/venv
COPY main.py setup_database.py ./
COPY core core
COPY db db
COPY handlers handlers
COPY bot bot

USER perpilot
VOLUME /app/data
EXPOSE 8000

HEALTHCHECK --interval=60s --timeout=5s --start-period=60s --retries=3 \
    CMD curl --fail --silent --show-error --max-time 4 "http://127.0.0.1:${HTTP_PORT:-8000}/health" || exit 1

CMD ["python", "main.py"]
