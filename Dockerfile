# syntax=docker/dockerfile:1

FROM rust:1-slim-trixie AS build
WORKDIR /src
# SQLite and ring are C; everything else is Rust.
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
# The context has no .git: what --version tells of the commit is handed in.
ARG ALIDAV_COMMIT= SOURCE_DATE_EPOCH=
COPY . .
RUN cargo build --release --locked --bin alidav

FROM debian:trixie-slim
# The numeric user lets an orchestrator see that it is not root.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin alidav \
    && install -d -m 0700 -o alidav -g alidav /data
COPY --from=build /src/target/release/alidav /usr/local/bin/alidav
USER 10001
WORKDIR /data
VOLUME /data
# Listening on all addresses needs a user or an explicit anonymous permission: without, the program
# says so and ends before it listens.
ENV ALIDAV_LISTEN=0.0.0.0:8080 \
    ALIDAV_STATE=sqlite:/data/alidav.db
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s --retries=3 CMD ["alidav", "check", "--live"]
ENTRYPOINT ["alidav"]
