"""Puts into a CycloneDX bill of crates what else the image ships: ONNX Runtime and the networks in models/.

    sbom-complete.py BILL ONNXRUNTIME_VERSION MODELS TARGET
"""

import hashlib
import json
import pathlib
import sys


def main(bill: str, onnxruntime: str, models: str, target: str) -> None:
    document = json.loads(pathlib.Path(bill).read_text())
    own = document["metadata"]["component"]
    # Where the clone lies on the disk is nobody's business.
    text = json.dumps(document).replace(own["bom-ref"], f"pkg:cargo/{own['name']}@{own['version']}")
    document = json.loads(text)
    own = document["metadata"]["component"]
    for part in own.get("components", []):
        part["purl"] = part["purl"].split("?")[0]
        part["bom-ref"] = f"{own['bom-ref']}#{part['name']}-{part['type']}"
    own["purl"] = own["bom-ref"]
    extra = [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/onnxruntime@{onnxruntime}",
            "name": "onnxruntime",
            "version": onnxruntime,
            "description": "libonnxruntime.so, out of the project's own wheel",
            "licenses": [{"license": {"id": "MIT"}}],
            "purl": f"pkg:pypi/onnxruntime@{onnxruntime}",
        }
    ]
    for network in sorted(pathlib.Path(models).glob("*.onnx")):
        extra.append(
            {
                "type": "machine-learning-model",
                "bom-ref": f"models/{network.name}",
                "name": network.stem,
                "version": own["version"],
                "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(network.read_bytes()).hexdigest()}],
                "licenses": [{"license": {"id": "MIT"}}],
            }
        )
    document["components"] += extra
    for entry in document["dependencies"]:
        if entry["ref"] == own["bom-ref"]:
            entry.setdefault("dependsOn", []).extend(component["bom-ref"] for component in extra)
    pathlib.Path(target).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(target).write_text(json.dumps(document, indent=2) + "\n")
    print(f"{target}: {len(document['components'])} components", file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
