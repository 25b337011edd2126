"""Takes ONNX Runtime's shared library and its notices out of the wheel for one of Docker's architectures, on any machine.

    image-onnxruntime.py amd64|arm64 VERSION FOLDER
"""

import pathlib
import struct
import subprocess
import sys
import tempfile
import zipfile

# Docker's name: the wheel's platform, and ELF's number of the machine.
ARCHITECTURES = {"amd64": ("x86_64", 0x3E), "arm64": ("aarch64", 0xB7)}


def main(architecture: str, version: str, folder: str) -> None:
    if architecture not in ARCHITECTURES:
        sys.exit(f"error: there is no image for the architecture `{architecture}`; allowed: {', '.join(ARCHITECTURES)}")
    platform, machine = ARCHITECTURES[architecture]
    target = pathlib.Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        # manylinux_2_28 is glibc 2.28 or newer; Debian 12 has 2.36.
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-cache-dir", "--no-deps",
             "--only-binary=:all:", "--implementation", "cp", "--python-version", "3.12", "--platform", f"manylinux_2_28_{platform}",
             "--dest", work, f"onnxruntime=={version}"],
            check=True,
        )
        (wheel,) = pathlib.Path(work).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            library = archive.read(f"onnxruntime/capi/libonnxruntime.so.{version}")
            notices = {name: archive.read(f"onnxruntime/{name}") for name in ("LICENSE", "ThirdPartyNotices.txt")}
    (found,) = struct.unpack_from("<H", library, 18)
    if library[:4] != b"\x7fELF" or found != machine:
        sys.exit(f"error: the library in {wheel.name} is for machine {found:#x}, {architecture} is {machine:#x}")
    (target / "libonnxruntime.so").write_bytes(library)
    (target / "libonnxruntime.so").chmod(0o755)
    for name, text in notices.items():
        (target / name).write_bytes(text)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
