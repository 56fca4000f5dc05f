"""What the tests of `cardrig exec` share: the command, and what a rig leaves on the host."""

import contextlib
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

CARDRIG = os.environ.get("CARDRIG") or str(Path(__file__).resolve().parents[2] / "build/bin/cardrig")
LIMIT = 60  # seconds, for whatever is waited for
KIND = os.environ.get("CARDRIG_TEST_READER") or "rig"  # of readers: tests run with both


def reader_name(index=0, kind=KIND):
    """What clients see a reader listed as."""
    return {"rig": f"Cardrig Virtual Reader {index:02X} 00", "vpcd": f"Virtual PCD 00 {index:02X}"}[kind]


def need(program, package):
    """The path of a program that a test drives; its absence fails the test with the package to install."""
    path = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    assert path, f"{program} is not installed: install the package {package}"
    return path


def ordinary_user():
    """Words that run a command as an ordinary user: none if the tests run as one."""
    if os.geteuid() != 0:
        return []
    need("setpriv", "util-linux")
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


@contextlib.contextmanager
def command_for_everybody():
    """The command and its driver where an ordinary user can run them, whoever owns the folder that they were built in."""
    with tempfile.TemporaryDirectory() as name:
        folder, built = Path(name), Path(CARDRIG).resolve().parents[1]
        folder.chmod(0o755)
        for part in ("bin/cardrig", "lib/cardrig/libifdcardrig.so"):
            copy = folder / part
            copy.parent.mkdir(parents=True)
            shutil.copy(built / part, copy)
            copy.chmod(0o755)
        yield folder / "bin/cardrig"


def exec_words(*command, cards=("piv-staff",), options=(), kind=KIND):
    words = [CARDRIG, "exec", "--reader", kind]
    for card in cards:
        words += ["--card", str(card)]
    return [*words, *options, "--", *command]


def run_exec(*command, cards=("piv-staff",), options=(), prefix=(), kind=KIND, **others):
    return subprocess.run([*prefix, *exec_words(*command, cards=cards, options=options, kind=kind)],
                          capture_output=True, text=True, timeout=LIMIT, **others)


def wait_until(condition, what, limit=LIMIT):
    """Asks again and again, each time after giving way to others for a moment, until it is so."""
    until = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < until, f"not within {limit} s: {what}"
        select.select([], [], [], 0.005)


def read_line(stream, what):
    """The next line of an unbuffered pipe, within the limit; byte by byte, so that the next reader misses none."""
    line = b""
    until = time.monotonic() + LIMIT
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([stream], [], [], max(0, until - time.monotonic()))
        assert ready, f"not within {LIMIT} s: {what}; so far {line}"
        piece = os.read(stream.fileno(), 1)
        assert piece, f"ended before {what}; so far {line}"
        line += piece
    return line.decode().strip()


def processes():
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            yield int(entry.name)


def status_of(pid):
    """(parent, state), or None if there is no such process."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None
    return int(words[1]), words[0]


def is_alive(pid):
    status = status_of(pid)
    return status is not None and status[1] != "Z"


def below(pid):
    """All processes below one."""
    parents = {child: status[0] for child in processes() if (status := status_of(child))}
    found = {pid}
    while True:
        more = {child for child, parent in parents.items() if parent in found} - found
        if not more:
            return found - {pid}
        found |= more


def mentioning(text):
    """Processes whose command line or environment holds a text: a rig's folder is in each of its clients'."""
    found = set()
    for pid in processes():
        for name in ("cmdline", "environ"):
            try:
                if text.encode() in Path(f"/proc/{pid}/{name}").read_bytes():
                    found.add(pid)
            except OSError:
                pass
    return found - {os.getpid()}


class RunningRig:
    """`cardrig exec` around a shell that tells about itself and then waits."""

    # The shell tells its rig's folder, then what `body` says, then waits for its standard input's end.
    def __init__(self, body="", waiting="exec cat", lines=0, prefix=(), **others):
        script = f'echo "$(dirname "$PCSCLITE_CSOCK_NAME")"\n{body}\necho ready; {waiting}'
        # The signals' usual actions, which whoever runs the tests may have turned off (a shell's background job).
        self.process = subprocess.Popen([*prefix, "env", "--default-signal", *exec_words("sh", "-c", script)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
                                        start_new_session=True, **others)
        self.folder = read_line(self.process.stdout, "the rig's folder")
        self.lines = []
        ready = False
        while not ready or len(self.lines) < lines:  # what runs beside the shell tells before or after it
            line = read_line(self.process.stdout, "ready")
            ready = ready or line == "ready"
            self.lines += [line] if line != "ready" else []
        self.parts = below(self.process.pid)
        self.pcscd = next(pid for pid in self.parts if self.name(pid) == "pcscd")

    @staticmethod
    def name(pid):
        try:
            return Path(f"/proc/{pid}/comm").read_text().strip()
        except OSError:
            return ""

    def __enter__(self):
        assert Path(self.folder, "pcscd.comm").is_socket()
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.end()

    def end(self):
        """Waits for the rig's own end and that of all who write to its streams; its exit status and what it said."""
        error = b""
        for stream in (self.process.stdout, self.process.stderr):
            while not stream.closed and (piece := self.read_some(stream)):
                error += piece if stream is self.process.stderr else b""
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
        return self.process.wait(LIMIT), error.decode()

    @staticmethod
    def read_some(stream):
        ready, _, _ = select.select([stream], [], [], LIMIT)
        assert ready, f"not within {LIMIT} s: the rig's end"
        return os.read(stream.fileno(), 4096)

    def assert_nothing_left(self):
        """Processes, socket and folder are gone, or go in a moment."""
        wait_until(lambda: not any(is_alive(pid) for pid in self.parts),
                   f"the rig's processes have ended: {[self.name(pid) for pid in self.parts if is_alive(pid)]}")
        wait_until(lambda: not Path(self.folder).exists(), f"{self.folder} is gone")
        left = mentioning(self.folder)
        assert not left, {pid: self.name(pid) for pid in left}
