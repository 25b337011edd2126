#!/bin/sh
# Fetches ONNX Runtime's shared library into .cache/onnxruntime/ (ignored by git), where the tests look for it.
# It comes from the `onnxruntime` wheel of the Python package index; nothing of Python is needed at run time.
# Doing it twice does nothing. `ORT_DYLIB_PATH` set to the printed path makes `forescale` use it.
set -eu

version=1.32.0
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
target="$root/.cache/onnxruntime"
library="$target/libonnxruntime.so.$version"

loads() {
    python3 -c 'import ctypes, sys; ctypes.CDLL(sys.argv[1]).OrtGetApiBase' "$1"
}

if [ -f "$library" ] && loads "$library" 2>/dev/null; then
    echo "$library"
    exit 0
fi

mkdir -p "$target"
work=$(mktemp -d "$target/download.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM

python3 -m pip download "onnxruntime==$version" --no-deps --only-binary :all: --quiet \
    --disable-pip-version-check --dest "$work" >&2

python3 - "$work" "$version" <<'PYTHON'
import glob, os, shutil, sys, zipfile

work, version = sys.argv[1:]
(wheel,) = glob.glob(os.path.join(work, "*.whl"))
inside = f"onnxruntime/capi/libonnxruntime.so.{version}"
with zipfile.ZipFile(wheel) as archive:
    if inside not in archive.namelist():
        sys.exit(f"{os.path.basename(wheel)} holds no {inside}: this script knows the Linux wheels only")
    with archive.open(inside) as source, open(os.path.join(work, "library"), "wb") as sink:
        shutil.copyfileobj(source, sink)
PYTHON

chmod 755 "$work/library"
loads "$work/library" || { echo "the downloaded library doesn't load on this machine" >&2; exit 1; }
mv -f "$work/library" "$library"
echo "$library"
