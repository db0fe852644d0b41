# syntax=docker/dockerfile:1
FROM rust:1-slim-trixie AS build
WORKDIR /src
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
COPY . .
RUN cargo build --release --locked --bin alidav

FROM debian:trixie-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data alidav \
    && install -d -o alidav -g alidav /data
COPY --from=build /src/target/release/alidav /usr/local/bin/alidav
USER alidav
WORKDIR /data
VOLUME /data
# A [[user]] or an explicit [anonymous] permission is needed to listen on all addresses.
ENV ALIDAV_LISTEN=0.0.0.0:8080 ALIDAV_STATE=sqlite:/data/alidav.db
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s CMD ["alidav", "check", "--live"]
ENTRYPOINT ["alidav"]
