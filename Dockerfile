# stockpipe as a container image: docker build --tag stockpipe:0.1.0 .

FROM oven/bun:1.4.5 AS build
WORKDIR /source
COPY package.json bun.lock .npmrc ./
COPY patches patches
RUN bun install --frozen-lockfile --production
COPY build.ts tsconfig.json ./
COPY build build
COPY grafana grafana
COPY manifests manifests
COPY src src
# What `stockpipe version` calls the source; the image has no repository to ask.
ARG STOCKPIPE_COMMIT
RUN bun build.ts && mkdir /data

# This tag moves with Debian's fixes. For the same base every time write the digest behind it (@sha256:...), which this tells:
# docker buildx imagetools inspect gcr.io/distroless/base-debian12:nonroot
FROM gcr.io/distroless/base-debian12:nonroot
LABEL org.opencontainers.image.title="stockpipe" \
      org.opencontainers.image.description="Real-time market data in one executable: trades in, candles out." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /source/dist/stockpipe /stockpipe
COPY --from=build --chown=65532:65532 /data /data
# Every role listens here, and is reached only through a port that is published.
ENV STOCKPIPE_LISTEN=0.0.0.0:8080 \
    STOCKPIPE_DATA_DIR=/data
WORKDIR /
VOLUME /data
EXPOSE 8080
USER 65532:65532
# No HEALTHCHECK: the image has nothing but the executable, which has no command for it. Ask /livez and /readyz.
ENTRYPOINT ["/stockpipe"]
CMD ["run"]
