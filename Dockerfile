# The server and its administrator's command line, static, on nothing.
#
#   docker build --build-arg VERSION="$(git describe --tags --always)" -t ringfence .
#   docker run -p 8443:8443 -p 9443:9443 -v ringfence:/data ringfence
#
# /data holds the database, the certificate authority and the first
# administrator's credential: keep it, and keep it to yourself.

FROM golang:1.26 AS build
WORKDIR /src
# Modules change more seldom than code: they are a layer of their own.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unknown
RUN make build OUT=/out VERSION="$VERSION"
# Empty folders to start with; /tmp is for SQLite's large sorts.
RUN mkdir -p /empty/data /empty/tmp && chmod 0700 /empty/data

FROM scratch
ARG VERSION=unknown
LABEL org.opencontainers.image.title="Ringfence" \
      org.opencontainers.image.description="Self-hosted MDM and app-protection server for personal and company phones" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"
# For a PostgreSQL or an identity provider whose certificate a public authority
# signed.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build --chown=65532:65532 /empty/ /
COPY --from=build /out/mdm-server /out/mdmctl /
USER 65532:65532
# The server keeps its files in ./data unless told otherwise.
WORKDIR /
VOLUME /data
# Devices and apps, administrators. Health and metrics stay on the loopback
# address, and SCIM is off: --scim-listen gives it a port.
EXPOSE 8443 9443 8445 8446
# Healthy means ready: the database answers, and the server is not draining.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD ["/mdm-server", "healthcheck"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/mdm-server"]
