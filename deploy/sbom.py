"""Write the CycloneDX bill of materials of what ships: `make sbom`. From the repository only, so always the same.

See https://cyclonedx.org/docs/1.6/json/. `requirements.txt` gives the packages, `vendored.sha256` the files of others.
"""

import json
import re
import sys
import tomllib
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"^([\w.-]+)==(\S+)(?: ; (.+?))? \\$(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
VENDORED = re.compile(r"^# (pkg:npm/([\w-]+)@(\S+)) (\S+)( excluded)?$((?:\n[0-9a-f]{64} .*)+)", re.MULTILINE)


def packages(lock: str) -> list[dict[str, Any]]:
    """Return a component for each package of a lock in pip's format, with the checksum of each of its files."""
    return [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/{name.lower()}@{version}",
            "purl": f"pkg:pypi/{name.lower()}@{version}",
            "name": name,
            "version": version,
            **({"scope": "optional", "description": f"only where {marker}"} if marker else {}),
            "externalReferences": [
                {
                    "type": "distribution",
                    "url": f"https://pypi.org/simple/{name.lower()}/",
                    "hashes": [_sha256(digest) for digest in re.findall(r"--hash=sha256:(\w{64})", hashes)],
                }
            ],
        }
        for name, version, marker, hashes in PIN.findall(lock)
    ]


def vendored(checksums: str) -> list[dict[str, Any]]:
    """Return a component for each vendored library, its files among it; `excluded` is what only tests use."""
    return [
        {
            "type": "library",
            "bom-ref": purl,
            "purl": purl,
            "name": name,
            "version": version,
            "licenses": [{"license": {"id": licence}}],
            **({"scope": "excluded"} if excluded else {}),
            "components": [
                {"type": "file", "bom-ref": path, "name": path, "hashes": [_sha256(digest)]}
                for digest, path in (line.split("  ") for line in files.strip().splitlines())
            ],
        }
        for purl, name, version, licence, excluded, files in VENDORED.findall(checksums)
    ]


def _sha256(digest: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": digest}


def bill(root: Path = ROOT) -> str:
    """Return the document."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    components = packages((root / "requirements.txt").read_text())
    components += vendored((root / "deploy" / "vendored.sha256").read_text())
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(components)).urn,
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": project["name"],
                "name": project["name"],
                "version": project["version"],
            }
        },
        "components": components,
    }
    return json.dumps(document, indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.write(bill())
