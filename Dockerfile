# One image for migrate, api and worker; the command says which.
FROM python:3.13-slim AS build
WORKDIR /app
COPY requirements-uv.lock requirements.lock ./
RUN python -m venv /venv \
    && python -m pip install --no-cache-dir --require-hashes -r requirements-uv.lock \
    && uv pip install --no-cache --compile-bytecode --python /venv/bin/python --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE piccolo_conf.py ./
COPY optimizer optimizer
COPY inventory inventory
COPY api api
RUN uv pip install --no-cache --compile-bytecode --python /venv/bin/python --no-deps --no-build-isolation .

FROM python:3.13-slim
ENV TZ=UTC PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 HOST=0.0.0.0 BEIJIAN_STATE=/var/lib/beijian
RUN useradd --system --home-dir /var/lib/beijian --create-home beijian
COPY --from=build /venv /venv
USER beijian
WORKDIR /var/lib/beijian
EXPOSE 8000
CMD ["beijian", "serve"]
