# syntax=docker/dockerfile:1
FROM python:3.11.14-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
COPY requirements.lock ./
RUN python -m venv .venv && .venv/bin/pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
# The build backend is in the lock; bytecode is shipped, so that a read-only container does not compile at each start.
RUN PATH="/app/.venv/bin:$PATH" .venv/bin/pip install --no-deps --no-build-isolation . \
    && .venv/bin/python -m compileall -q .venv/lib

FROM python:3.11.14-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin llm-proxy
COPY --from=build /app/.venv /app/.venv
ENV PATH="/app/.venv/bin:$PATH" PYTHONUNBUFFERED=1
USER 10001
WORKDIR /config
EXPOSE 8002
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8002/health/live', timeout=2)"]
ENTRYPOINT ["llm-proxy"]
CMD ["serve", "--host", "0.0.0.0"]
