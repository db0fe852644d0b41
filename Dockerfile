# syntax=docker/dockerfile:1
# The static program that packaging/programs.sh builds, alone in an image. It is cross-built, so that
#   docker buildx build --platform linux/amd64,linux/arm64 .
# emulates nothing. What is built already is taken by   --build-context programs=target/dist/programs

FROM --platform=$BUILDPLATFORM rust:1.95-slim-trixie AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# The context has no .git: what --version tells of the commit is handed in.
ARG TARGETARCH ALIDAV_COMMIT= SOURCE_DATE_EPOCH=
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target,sharing=locked \
    packaging/programs.sh "$TARGETARCH" \
    && install -D "target/dist/programs/$TARGETARCH/alidav" "/programs/$TARGETARCH/alidav"

FROM scratch AS programs
COPY --from=build /programs /

# What the program reads of a system: certificates, time zones, a name for its user, folders it may write to.
FROM --platform=$BUILDPLATFORM debian:trixie-slim AS system
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates tzdata \
    && install -D -t /system/etc/ssl/certs /etc/ssl/certs/ca-certificates.crt \
    && install -d /system/usr/share \
    && cp -r /usr/share/zoneinfo /system/usr/share/ \
    && rm -rf /system/usr/share/zoneinfo/right /system/usr/share/zoneinfo/posix \
    && echo 'alidav:x:10001:10001::/data:/sbin/nologin' >/system/etc/passwd \
    && echo 'alidav:x:10001:' >/system/etc/group \
    && install -d -m 0700 -o 10001 -g 10001 /system/data \
    && install -d -m 1777 /system/tmp

FROM scratch
LABEL org.opencontainers.image.title="alidav" \
    org.opencontainers.image.description="WebDAV server for Aliyundrive's open platform" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="0.1.0"
COPY --from=system /system /
ARG TARGETARCH
COPY --from=programs /$TARGETARCH/alidav /usr/bin/alidav
# The numeric user lets an orchestrator see that it is not root.
USER 10001:10001
WORKDIR /data
VOLUME /data
# Listening on all addresses needs a user or an explicit anonymous permission: without, the program
# says so and ends before it listens.
ENV PATH=/usr/bin \
    ALIDAV_LISTEN=0.0.0.0:8080 \
    ALIDAV_STATE=sqlite:/data/alidav.db
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s --retries=3 CMD ["alidav", "check", "--live"]
ENTRYPOINT ["alidav"]
