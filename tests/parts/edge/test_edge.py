"""The Workers' sources: what is deployed is made of them, and they are typed. tests/edge calls what is deployed."""

import os
import subprocess
from pathlib import Path

import pytest

from headroom.local.paths import paths

FOLDER = Path(__file__).resolve().parent
DIST = paths().root / "components" / "edge" / "worker" / "dist"
pytestmark = pytest.mark.needs("npm", "install Node.js 20 or later with npm, and run: make test-parts")


def test_what_is_deployed_is_what_the_sources_bundle_to(tmp_path: Path) -> None:
    """The checked-in bundles are esbuild's of the sources as they stand; if not: npm run build --prefix tests/parts/edge."""
    environ = {**os.environ, "OUT": str(tmp_path)}
    subprocess.run(["npm", "run", "-s", "build"], cwd=FOLDER, env=environ, check=True, capture_output=True)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        file.name: file.read_text() for file in DIST.iterdir()
    }


def test_the_sources_are_typed() -> None:
    """The compiler finds nothing in the JavaScript, against the types of workerd and of the bindings."""
    done = subprocess.run(["npm", "run", "-s", "types"], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
