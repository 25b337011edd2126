# syntax=docker/dockerfile:1
#
# Forescale with the real ONNX Runtime in a small image that runs as nobody. Builds for linux/amd64 and linux/arm64:
#
#   docker buildx build --platform linux/amd64,linux/arm64 --build-arg FORESCALE_COMMIT=$(git rev-parse --short=12 HEAD) .

# --- the program -------------------------------------------------------------------------------------------------------
# aws-lc needs cmake and a C compiler. Debian 12 is what the runtime image is made of: the same glibc.
FROM rust:1.95-bookworm AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends cmake \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
ARG FORESCALE_COMMIT=unknown
ARG TARGETARCH
ENV FORESCALE_COMMIT=${FORESCALE_COMMIT}
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target,id=forescale-target-${TARGETARCH} \
    cargo build --release --locked --bin forescale \
    && install -D target/release/forescale /out/usr/local/bin/forescale \
    && install -d -o 65532 -g 65532 /out/var/lib/forescale

# --- ONNX Runtime ------------------------------------------------------------------------------------------------------
# Its shared library as the project itself publishes it, taken out of the wheel for this platform.
FROM python:3.12-slim-bookworm AS onnxruntime
ARG ONNXRUNTIME_VERSION=1.32.0
WORKDIR /wheel
RUN pip download --no-cache-dir --no-deps --only-binary=:all: "onnxruntime==${ONNXRUNTIME_VERSION}" \
    && python -m zipfile -e onnxruntime-*.whl unpacked \
    && install -D "unpacked/onnxruntime/capi/libonnxruntime.so.${ONNXRUNTIME_VERSION}" /out/opt/onnxruntime/libonnxruntime.so \
    && install -D -m 0644 unpacked/onnxruntime/LICENSE /out/opt/onnxruntime/LICENSE \
    && install -D -m 0644 unpacked/onnxruntime/ThirdPartyNotices.txt /out/opt/onnxruntime/ThirdPartyNotices.txt

# --- the image ---------------------------------------------------------------------------------------------------------
# glibc, libstdc++ and CA certificates; no shell, no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/ /
COPY --from=onnxruntime /out/ /
COPY models /usr/share/forescale/models
# A missing library is an error at the start, and no quiet change to the slower engine.
ENV FORESCALE_ONNX_ENGINE=onnx-runtime \
    ORT_DYLIB_PATH=/opt/onnxruntime/libonnxruntime.so
WORKDIR /usr/share/forescale
USER 65532:65532
EXPOSE 6000 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/forescale"]
CMD ["serve"]
