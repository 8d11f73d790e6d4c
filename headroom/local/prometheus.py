"""Prometheus and promtool, built from a pinned Go module, and a server on loopback over data of one's own."""

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from headroom.local.errors import ToolFailed
from headroom.local.goprograms import ensure_programs
from headroom.local.paths import Paths
from headroom.ports import free_ports

_PACKAGE = "github.com/prometheus/prometheus/cmd"
_PROGRAMS = ("prometheus", "promtool")
# Of the discoveries only Kubernetes': with every cloud's twice as much is compiled. Without builtinassets no web page is needed.
_FLAGS = ("-tags", "remove_all_sd,enable_kubernetes_sd", "-ldflags", "-s -w")
_READY_S, _END_S, _POLL_S = 60.0, 10.0, 0.05


@dataclass(frozen=True)
class Programs:
    """The built programs, in one folder."""

    folder: Path

    @property
    def prometheus(self) -> Path:
        """The server."""
        return self.folder / "prometheus"

    @property
    def promtool(self) -> Path:
        """The tool that checks rules and writes blocks."""
        return self.folder / "promtool"


def ensure_prometheus(paths: Paths, progress: Callable[[str], None]) -> Programs:
    """Return Prometheus' programs, built first where the cache does not hold them (two to three minutes).

    Two callers at once build once. Raises ToolMissing without Go, ToolFailed where a build fails.
    """
    packages = {name: f"{_PACKAGE}/{name}" for name in _PROGRAMS}
    return Programs(ensure_programs("prometheus", packages, paths, progress, _FLAGS))


def write_blocks(programs: Programs, openmetrics: Path, data: Path) -> None:
    """Write a Prometheus data folder from samples in OpenMetrics text, which must end with `# EOF`.

    Leave the last three hours empty: there a server keeps its head. Raises ToolFailed with promtool's last words.
    """
    # Blocks of two hours, the default, take two hundred times as long.
    arguments = ("tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=720h", str(openmetrics), str(data))
    run = subprocess.run([programs.promtool, *arguments], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise ToolFailed("promtool tsdb create-blocks-from failed", run.stderr[-2000:])


@contextmanager
def serving(
    programs: Programs, data: Path, folder: Path, configured: str = "global: {}\n", flags: Sequence[str] = ()
) -> Iterator[str]:
    """Yield the URL of a server over a data folder, on a free port of 127.0.0.1; it ends with the block.

    Configuration and log stand in `folder`; `flags` are more of the server's own. Raises ToolFailed where it does not
    become ready within a minute.
    """
    configuration, log = folder / "prometheus.yml", folder / "prometheus.log"
    configuration.write_text(configured, encoding="utf-8")
    address = f"127.0.0.1:{free_ports(1)[0]}"
    command: tuple[str | Path, ...] = (
        programs.prometheus,
        f"--config.file={configuration}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address={address}",
        *flags,
    )
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=folder) as server:
        try:
            _wait_until_ready(server, f"http://{address}/-/ready", log)
            yield f"http://{address}"
        finally:
            server.terminate()
            try:
                server.wait(_END_S)
            except subprocess.TimeoutExpired:
                server.kill()


def _wait_until_ready(server: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    until = time.monotonic() + _READY_S
    while server.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=_END_S):  # noqa: S310  # our own server on loopback
                return
        except (urllib.error.URLError, OSError):
            time.sleep(_POLL_S)
    raise ToolFailed("starting Prometheus failed", log.read_text(errors="replace")[-2000:])
