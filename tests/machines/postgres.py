"""A PostgreSQL server of one's own in a temporary folder, to be stopped the hard way; the machine's is left alone."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from ..house import free_port


def programs() -> Path | None:
    """The newest version's, where there is one: Debian keeps initdb and pg_ctl off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("pg_ctl")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


class Postgres:
    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="callflows-postgres-"))
        # it refuses to run as root
        self._as: list[str] = []
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(self._folder, owner.pw_uid, owner.pw_gid)
            self._as = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
        try:
            self._run("initdb", "--auth=trust", "--username=postgres", "--pgdata", str(self._folder / "data"))
            self.start()
        except BaseException:
            self.remove()
            raise

    @property
    def version(self) -> str:
        return (self._folder / "data" / "PG_VERSION").read_text().strip()

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder}"
        self._control("start", "-o", options, "-l", str(self._folder / "log"))

    def stop(self) -> None:
        """As a crash: no connection is ended properly, nothing is written that had not been; the start recovers."""
        self._control("stop", "-m", "immediate")

    def remove(self) -> None:
        if (self._folder / "data" / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-w", "-t", "60", *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as, str(self._programs / program), *arguments]
        # a file, not a pipe: the server that pg_ctl starts keeps it open
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(command, cwd="/", stdout=output, stderr=output, stdin=subprocess.DEVNULL, timeout=120)
            output.seek(0)
            assert done.returncode == 0, output.read().decode(errors="replace")
