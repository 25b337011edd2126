# syntax=docker/dockerfile:1
#
# Forescale with the real ONNX Runtime in a small image that runs as nobody. Builds for linux/amd64 and linux/arm64, each on whatever
# machine there is: the program is cross-compiled, nothing is emulated.
#
#   docker buildx build --platform linux/amd64,linux/arm64 --build-arg FORESCALE_COMMIT=$(git rev-parse --short=12 HEAD) \
#     --tag registry.example.com/forescale:0.1.0 --sbom=true --provenance=true --push .

ARG FORESCALE_COMMIT=unknown
ARG FORESCALE_VERSION=0.1.0
ARG ONNXRUNTIME_VERSION=1.32.0

# --- the program -------------------------------------------------------------------------------------------------------
# Debian 12 is what the runtime image is made of: the same glibc.
FROM --platform=$BUILDPLATFORM rust:1.95-bookworm AS build
# aws-lc needs cmake and a C compiler for the target: this machine's own is there, the other one's comes here.
# hadolint ignore=DL3008
RUN other="$([ "$(dpkg --print-architecture)" = amd64 ] && echo arm64 || echo amd64)" \
    && apt-get update \
    && apt-get install --yes --no-install-recommends cmake "crossbuild-essential-${other}" \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
ARG TARGETARCH
COPY scripts/image-target.sh scripts/
# Before the source, so that the toolchain stays when only that changes.
RUN rustup target add "$(scripts/image-target.sh "${TARGETARCH}" triple)"
COPY . .
ARG FORESCALE_COMMIT
ENV FORESCALE_COMMIT=${FORESCALE_COMMIT}
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target,id=forescale-target-${TARGETARCH} \
    scripts/image-target.sh "${TARGETARCH}" build /out

# --- ONNX Runtime ------------------------------------------------------------------------------------------------------
# Its shared library as the project itself publishes it, taken out of the wheel for the target's platform.
FROM --platform=$BUILDPLATFORM python:3.12-slim-bookworm AS onnxruntime
ARG ONNXRUNTIME_VERSION
ARG TARGETARCH
WORKDIR /wheel
COPY scripts/image-onnxruntime.py .
RUN python image-onnxruntime.py "${TARGETARCH}" "${ONNXRUNTIME_VERSION}" /out/opt/onnxruntime

# --- the image ---------------------------------------------------------------------------------------------------------
# glibc, libstdc++ and CA certificates; no shell, no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot
ARG FORESCALE_COMMIT
ARG FORESCALE_VERSION
LABEL org.opencontainers.image.title="forescale" \
      org.opencontainers.image.description="A KEDA external scaler that sees load coming" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${FORESCALE_VERSION}" \
      org.opencontainers.image.revision="${FORESCALE_COMMIT}" \
      org.opencontainers.image.base.name="gcr.io/distroless/cc-debian12:nonroot"
COPY --from=build /out/ /
COPY --from=onnxruntime /out/ /
# A missing library is an error at the start, and no quiet change to the slower engine.
# Fits run on many threads, one after the other; glibc would keep an arena of freed memory for each: twice the memory in all.
ENV FORESCALE_ONNX_ENGINE=onnx-runtime \
    ORT_DYLIB_PATH=/opt/onnxruntime/libonnxruntime.so \
    MALLOC_ARENA_MAX=2
# Networks of one's own are mounted at `models` here; those of the project are in the program.
WORKDIR /usr/share/forescale
USER 65532:65532
EXPOSE 6000 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/forescale"]
CMD ["serve"]
