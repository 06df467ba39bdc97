"""The Kubernetes manifests as they are in deploy/, and what kustomize makes of them."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "deploy/kubernetes"
_OF_KUSTOMIZE = ("Kustomization", "Component")


def manifests() -> dict[tuple[str, str], Any]:
    """Every object by its kind and name."""
    found: dict[tuple[str, str], Any] = {}
    for path in sorted(FOLDER.rglob("*.yaml")):
        for one in yaml.safe_load_all(path.read_text()):
            if "kind" in one and one["kind"] not in _OF_KUSTOMIZE:
                assert (one["kind"], one["metadata"]["name"]) not in found
                found[one["kind"], one["metadata"]["name"]] = one
    return found


def configurations() -> list[Path]:
    return sorted(FOLDER.rglob("driftline.yaml"))


def containers(deployment: Any) -> Iterator[Any]:
    yield from deployment["spec"]["template"]["spec"]["containers"]


def _kustomize() -> list[str]:
    """How to call kustomize. Skips the test where there is none."""
    if path := shutil.which("kustomize"):
        return [path, "build"]
    if path := shutil.which("kubectl"):
        return [path, "kustomize"]
    pytest.skip("needs kustomize or kubectl")


def built(folder: Path, *components: str) -> dict[tuple[str, str], Any]:
    """What kustomize makes of the base with these components, by kind and name; of the example where none are named."""
    command = _kustomize()
    copied = folder / "kubernetes"
    shutil.copytree(FOLDER, copied)
    overlay = copied / "overlays" / ("of-the-test" if components else "example")
    if components:
        overlay.mkdir()
        chosen = {"resources": ["../../base"], "components": [f"../../components/{name}" for name in components]}
        (overlay / "kustomization.yaml").write_text(yaml.safe_dump(chosen))
    done = subprocess.run([*command, str(overlay)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(done.stdout)}
