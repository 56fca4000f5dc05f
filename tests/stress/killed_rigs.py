#!/usr/bin/python3
"""killed_rigs.py [COUNT [SEED]]: so many rigs are started and killed with SIGKILL at random moments of their lives,
and every fourth as soon as something of it is there, alone or with its whole process group in turns; afterwards nothing
of them may be left. README.md here says what is looked for.

Status 0: nothing was left; 1: something was, and is told; 2: wrong use; 3: there is no rig to be had.
"""

import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CARDRIG = os.environ.get("CARDRIG") or str(ROOT / "build/bin/cardrig")
KIND = os.environ.get("CARDRIG_TEST_READER") or "rig"  # of readers
LIMIT = 60  # seconds, for whatever is waited for

# What the rig runs: clients at the card, and one that would stay for ever in a session of its own.
CLIENT = "setsid tail -f /dev/null >/dev/null 2>&1 & exec 2>/dev/null; while opensc-tool -n; do opensc-tool -s 00CB3FFF055C035FC102; done"


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False


def processes_with(text):
    """Living processes whose command line or environment holds a text, with their names."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_bytes() + b"\0" + (entry / "environ").read_bytes()
            name = (entry / "comm").read_text().strip()
        except OSError:
            continue
        if text.encode() in words and alive(int(entry.name)):
            found[int(entry.name)] = name
    return found


def in_common_folders():
    """What could be left outside the folder that all is told to use: sockets, locks, folders."""
    return {
        str(path)
        for folder in ("/tmp", "/var/tmp", "/dev/shm", "/run", "/run/lock", "/run/pcscd")
        if Path(folder).is_dir()
        for path in Path(folder).iterdir()
        if "cardrig" in path.name.lower() or folder == "/run/pcscd"
    }


class World:
    """A folder that all rigs use for everything; by its name their processes are known."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="stress-"))  # no name of ours: it is what others must not leave
        self.temporary = self.folder / "tmp"
        self.temporary.mkdir()
        self.environment = {**os.environ, "TMPDIR": str(self.temporary), "HOME": str(self.folder),
                            "XDG_CACHE_HOME": str(self.folder / "cache"), "XDG_RUNTIME_DIR": str(self.folder)}
        self.image = str(self.folder / "card.image")
        subprocess.run([CARDRIG, "card", "new", "piv-staff", "-o", self.image], env=self.environment, check=True,
                       capture_output=True, timeout=LIMIT)

    def start(self, client):
        return subprocess.Popen([CARDRIG, "exec", "--reader", KIND, "--card", self.image, "--", "sh", "-c", client],
                                env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, start_new_session=True)

    def left(self):
        """What is there of rigs: processes, and anything in the temporary folder."""
        return [*(f"process {pid} ({name})" for pid, name in processes_with(str(self.folder)).items()),
                *(os.path.join(folder, name) for folder, *names in os.walk(self.temporary)  # which may go meanwhile
                  for name in sum(names, []))]

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def drain(process, until):
    """Reads what a rig and its clients write, until that moment or its end; how many bytes came."""
    count = 0
    while (wait := until - time.monotonic()) > 0:
        ready, _, _ = select.select([process.stdout], [], [], wait)
        if ready:
            piece = os.read(process.stdout.fileno(), 65536)
            if not piece:
                break
            count += len(piece)
    return count


def drain_first(process):
    """Waits for the first bytes that a rig or its clients write, and reads them."""
    ready, _, _ = select.select([process.stdout], [], [], LIMIT)
    return os.read(process.stdout.fileno(), 65536) if ready else b""


def first_words(world):
    """Seconds from the start of a rig to the first line of its client: it works at all."""
    begin = time.monotonic()
    process = world.start("opensc-tool -n")
    output, _ = process.communicate(timeout=LIMIT)
    if process.returncode != 0:
        sys.stdout.write(output.decode(errors="replace"))
        sys.exit(3)
    return time.monotonic() - begin


def wait_until_nothing_is_left(world):
    """How long that took; or what is left after the limit."""
    begin = time.monotonic()
    while left := world.left():
        if time.monotonic() - begin > LIMIT:
            return None, left
        select.select([], [], [], 0.005)
    return time.monotonic() - begin, []


def kill_at(world, moment):
    """Starts a rig, kills it after so many seconds; what its clients had said by then, and what it looked like."""
    begin = time.monotonic()
    process = world.start(CLIENT)
    said = drain(process, begin + moment)
    there = len(processes_with(str(world.folder)))
    process.send_signal(signal.SIGKILL)
    process.wait(LIMIT)
    process.stdout.close()
    return said, there


def kill_at_once(world, whole_group):
    """Starts a rig, and kills it as soon as its folder is there: no random moment would find that one."""
    process = world.start(CLIENT)
    until = time.monotonic() + LIMIT
    while not os.listdir(world.temporary):
        if process.poll() is not None or time.monotonic() > until:
            sys.exit(f"killed_rigs.py: a rig made no folder in {world.temporary}")
    os.killpg(process.pid, signal.SIGKILL) if whole_group else process.kill()
    process.wait(LIMIT)
    process.stdout.close()


def prove(count, seed):
    world, outside = World(), in_common_folders()
    chance = random.Random(seed)
    whole = first_words(world)
    span = 2 * whole
    print(f"killed rigs: {count}, at moments between 0 and {span * 1000:.0f} ms (a run with one client takes "
          f"{whole * 1000:.0f} ms), seed {seed}", flush=True)
    slowest, most, before_client, in_client, at_once, begin = 0.0, 0, 0, 0, 0, time.monotonic()
    for number in range(1, count + 1):
        if number % 4 == 0:
            kill_at_once(world, whole_group=number % 8 == 0)
            at_once += 1
        else:
            said, there = kill_at(world, chance.uniform(0, span))
            most = max(most, there)
            in_client += said > 0
            before_client += said == 0
        took, left = wait_until_nothing_is_left(world)
        if left:
            print(f"LEFT BEHIND by rig {number}, {LIMIT} s after it was killed:", *left, sep="\n  ")
            return 1
        slowest = max(slowest, took)
        if number % max(1, count // 10) == 0:
            each = (time.monotonic() - begin) / number
            print(f"{number} of {count}, {each * (count - number):.0f} s to go", file=sys.stderr, flush=True)
    strangers = in_common_folders() - outside
    world.remove()
    print(f"killed rigs: {count} killed, {at_once} as soon as their folder was there, {before_client} before their client "
          f"had said anything, {in_client} after; up to "
          f"{most} processes each; the slowest was cleaned up {slowest * 1000:.0f} ms after its death")
    if strangers:
        # Rigs of others on this host make such things, too: theirs go by themselves.
        until = time.monotonic() + LIMIT
        while strangers & in_common_folders() and time.monotonic() < until:
            select.select([], [], [], 0.05)
        strangers &= in_common_folders()
    for path in sorted(strangers):
        print(f"LEFT BEHIND, or of another rig that runs meanwhile: {path}")
    print("killed rigs: NOT proved" if strangers else "killed rigs: nothing left behind")
    return 1 if strangers else 0


def main():
    words = sys.argv[1:]
    if len(words) > 2 or not all(word.isdigit() for word in words) or (words and int(words[0]) == 0):
        print("usage: killed_rigs.py [COUNT [SEED]]", file=sys.stderr)
        return 2
    if not Path(CARDRIG).exists() or not shutil.which("opensc-tool"):
        print("killed_rigs.py: build cardrig (ci/build), and install the package opensc", file=sys.stderr)
        return 3
    return prove(int(words[0]) if words else 1000, int(words[1]) if len(words) > 1 else random.randrange(2**32))


if __name__ == "__main__":
    sys.exit(main())
