"""Who is compared, and the environment that they need: a folder of its own, never a dependency of the package.

Everything listens on the loopback interface, on ports that nobody else has, and is stopped by its process id.
"""

from __future__ import annotations

import glob
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
HOME = ROOT / ".bench"
CONTENDERS = Path(__file__).parent / "contenders"
PACKAGES = (
    "dbos",
    "psycopg[binary]",
    "SpiffWorkflow",
    "restate-sdk",
    "hypercorn",
    "httpx",
    "msgspec",
)
RESTATE = "@restatedev/restate-server"
PATIENCE = 60  # seconds until a server that does not answer is given up


class Missing(Exception):
    """A peer can't be compared here; the text says why."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One who is compared: its name, how to start its side, and what a reader must know of what it promises."""

    name: str
    command: tuple[str, ...]
    promise: str


def prepare() -> str:
    """The Python of the environment, made where there is none."""
    python = HOME / "venv/bin/python"
    ready = HOME / "ready"
    wanted = "\n".join(PACKAGES)
    if not ready.exists() or ready.read_text() != wanted:
        print("making the environment of the bench in .bench ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(HOME / "venv")], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, *PACKAGES, "--editable", f"{ROOT}[fast]"], check=True)
        if shutil.which("npm"):
            subprocess.run(["npm", "install", "--silent", "--prefix", str(HOME), RESTATE], check=False)
        ready.write_text(wanted)
    return str(python)


def versions(python: str) -> dict[str, str]:
    """The versions of what is compared."""
    names = ("flowlang", "apsw", "orjson", "uvloop", "dbos", "psycopg", "SpiffWorkflow", "restate-sdk", "Hypercorn")
    code = f"import importlib.metadata as m, json; print(json.dumps({{n: m.version(n) for n in {names!r}}}))"
    import json

    found: dict[str, str] = json.loads(subprocess.run([python, "-c", code], check=True, capture_output=True).stdout)
    code = "import apsw, sqlite3; print(apsw.sqlite_lib_version(), sqlite3.sqlite_version)"
    ours, theirs = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    found["SQLite of flowlang"], found["SQLite of Python"] = ours, theirs
    restate = HOME / f"node_modules/{RESTATE}/package.json"
    if restate.exists():
        found["restate-server"] = json.loads(restate.read_text())["version"]
    try:
        said = subprocess.run([_postgres("postgres"), "--version"], check=True, capture_output=True, text=True).stdout
        found["PostgreSQL"] = said.split()[2]
    except Missing:
        pass
    return found


@contextmanager
def all_peers(python: str) -> Iterator[tuple[list[Peer], dict[str, str]]]:
    """All that can be compared here, and why the others can't."""
    skipped: dict[str, str] = {}
    with ExitStack() as held:
        scratch = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="flowlang-bench-", dir=_disk())))
        ours = str(CONTENDERS / "ours.py")
        peers = [
            Peer(
                "flowlang",
                (python, "-B", ours, "orchestrate", str(scratch / "a.db")),
                "durable: SQLite, write-ahead log, synchronous=FULL; each result committed before the next step starts",
            ),
            Peer(
                "flowlang, choreographed",
                (python, "-B", ours, "choreograph", str(scratch / "c.db")),
                "durable in the same way, each of the three services for itself, in one process",
            ),
            Peer("flowlang, in memory", (python, "-B", ours, "orchestrate", "memory"), "not durable"),
            Peer(
                "floor",
                (python, "-B", str(CONTENDERS / "floor.py"), str(scratch / "f.db")),
                "durable: a bare journal in SQLite (the same settings) without an interpreter, contracts or retries",
            ),
            Peer(
                "DBOS, SQLite",
                (python, "-B", str(CONTENDERS / "dbos_workflows.py"), f"sqlite:///{scratch}/d.db"),
                "durable; its SQLite uses the rollback journal, not the write-ahead log",
            ),
            Peer("SpiffWorkflow", (python, "-B", str(CONTENDERS / "spiff.py"), "memory"), "not durable"),
            Peer(
                "SpiffWorkflow, JSON",
                (python, "-B", str(CONTENDERS / "spiff.py"), "json"),
                "serialised after each task, stored nowhere: not durable",
            ),
        ]
        try:
            address = held.enter_context(_postgres_server())
            peers.append(
                Peer(
                    "DBOS, PostgreSQL",
                    (python, "-B", str(CONTENDERS / "dbos_workflows.py"), address),
                    "durable: PostgreSQL as installed, synchronous_commit=on, on this machine",
                )
            )
        except Missing as why:
            skipped["DBOS, PostgreSQL"] = str(why)
        try:
            addresses = held.enter_context(_restate_server(python, scratch / "restate"))
            peers.append(
                Peer(
                    "Restate",
                    (python, "-B", str(CONTENDERS / "restate_client.py"), *addresses),
                    "durable; a server of its own and a service, on this machine (hypercorn's limit of requests raised)",
                )
            )
        except Missing as why:
            skipped["Restate"] = str(why)
        yield peers, skipped


def _disk() -> str:
    """A folder on a disk, where the system's folder for scratch files may be memory."""
    folder = HOME / "scratch"
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder)


def _postgres(program: str) -> str:
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{program}")) or [shutil.which(program) or ""]
    if not found[-1]:
        raise Missing(f"there is no program `{program}`")
    return found[-1]


@contextmanager
def _postgres_server() -> Iterator[str]:
    """A server with a folder and a port of its own. It does not run as root, so root runs it as `postgres`."""
    import pwd

    initdb, server = _postgres("initdb"), _postgres("postgres")
    user: int | None = None
    with tempfile.TemporaryDirectory(prefix="flowlang-pg-") as folder:
        if os.getuid() == 0:
            try:
                user = pwd.getpwnam("postgres").pw_uid
            except KeyError:
                raise Missing("PostgreSQL does not run as root, and there is no user `postgres`") from None
            os.chown(folder, user, -1)
        data, port = f"{folder}/data", _free_port()
        made = subprocess.run(
            [initdb, "-D", data, "-A", "trust", "-U", "bench"], user=user, capture_output=True, cwd=folder
        )
        if made.returncode:
            raise Missing(f"initdb failed: {made.stderr.decode(errors='replace')[-200:]}")
        words = [server, "-D", data, "-p", str(port), "-k", folder]
        words += ["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=400"]
        with open(f"{folder}/log", "wb") as log:
            process = subprocess.Popen(words, user=user, stdout=log, stderr=log, cwd=folder)
        try:
            _listens(port, process)
            yield f"postgresql://bench@127.0.0.1:{port}/postgres"
        finally:
            process.terminate()
            process.wait()


@contextmanager
def _restate_server(python: str, folder: Path) -> Iterator[tuple[str, str, str]]:
    found = sorted(HOME.glob(f"node_modules/{RESTATE}-*/bin/restate-server"))  # itself, not the script that starts it
    if not found:
        raise Missing(f"npm has not installed {RESTATE}" if shutil.which("npm") else "there is no npm")
    folder.mkdir()
    ingress, admin, node, service = (_free_port() for _ in range(4))
    environment = {
        **os.environ,
        "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{ingress}",
        "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{admin}",
        "RESTATE_BIND_ADDRESS": f"127.0.0.1:{node}",
        "RESTATE_ADVERTISED_ADDRESS": f"http://127.0.0.1:{node}",
        "RESTATE_LOG_FILTER": "error",
        "DO_NOT_TRACK": "1",
    }
    with ExitStack() as held, open(folder / "log", "wb") as log:
        words = [str(found[0]), "--base-dir", str(folder / "data"), "--node-name", "bench"]
        server = subprocess.Popen(words, env=environment, stdout=log, stderr=log)
        held.callback(_end, server)
        words = [python, "-B", "-m", "hypercorn", "-c", str(CONTENDERS / "restate_hypercorn.toml")]
        words += ["--bind", f"127.0.0.1:{service}", "restate_service:app"]
        app = subprocess.Popen(words, cwd=CONTENDERS, stdout=log, stderr=log)
        held.callback(_end, app)
        _listens(admin, server)
        _listens(ingress, server)
        _listens(service, app)
        yield tuple(f"http://127.0.0.1:{port}" for port in (ingress, admin, service))  # type: ignore[misc]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _listens(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return when somebody answers at the port."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise Missing(f"`{Path(str(process.args[0])).name}` did not begin to listen")  # type: ignore[index]
