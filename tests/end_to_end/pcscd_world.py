"""A pcscd with vpcd "that runs already": in mount and network namespaces of a test's own, where the system's daemon and
its ports are out of reach. Commands run inside with World.start() and World.run()."""

import os
import signal
import subprocess

from rig_processes import LIMIT, need, read_line, wait_until

# Brings the loopback interface up, covers /run and the USB driver, says so, and lives until its standard input ends.
INSIDE = r"""
import fcntl, glob, os, socket, struct, subprocess, sys
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
    request = struct.pack("16sh14x", b"lo", 0)
    flags = struct.unpack("16sh14x", fcntl.ioctl(control, SIOCGIFFLAGS, request))[1]
    fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))
for folder in ["/run", *glob.glob("/usr/lib/pcsc/drivers/*.bundle")]:
    subprocess.run(["mount", "-t", "tmpfs", "none", folder], check=True)
os.mkdir("/run/readers")
print("ready", flush=True)
sys.stdin.read()
"""

READER = """FRIENDLYNAME "Virtual PCD"
DEVICENAME {device}
LIBPATH {library}
CHANNELID 0x{port:04X}
"""


def vpcd_library():
    for folder in ("/usr/lib/pcsc/drivers", "/usr/local/lib/pcsc/drivers"):
        path = f"{folder}/serial/libifdvpcd.so"
        if os.path.exists(path):
            return path
    raise AssertionError("vpcd is not installed: install the package vsmartcard-vpcd")


class World:
    """Namespaces, and the processes that a test starts in them; all of these end with it."""

    def __init__(self, port=0x8C7B, reversed_to=None):
        self.port = port
        self.device = f"{reversed_to or '/dev/null'}:0x{port:04X}"
        self.processes = []
        self.daemon = None
        root = os.geteuid() == 0
        self.holder = subprocess.Popen([need("unshare", "util-linux"), *([] if root else ["-r"]), "-mn", "--propagation",
                                        "private", "/usr/bin/python3", "-c", INSIDE], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, bufsize=0)
        self.enter = [need("nsenter", "util-linux"), "-t", str(self.holder.pid), *([] if root else ["-U"]),
                      "--preserve-credentials", "-m", "-n", need("setpriv", "util-linux"), "--pdeathsig", "KILL", "--"]
        assert read_line(self.holder.stdout, "the namespaces") == "ready"
        self.run("tee", "/run/readers/vpcd", input=READER.format(device=self.device, library=vpcd_library(), port=port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.kill()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
            process.wait(LIMIT)
        self.holder.stdin.close()
        self.holder.stdout.close()
        self.holder.wait(LIMIT)

    def start(self, *command, **others):
        # The signals' usual actions, which whoever runs the tests may have turned off (a shell's background job).
        process = subprocess.Popen([*self.enter, "env", "--default-signal", *map(str, command)], bufsize=0, **others)
        self.processes.append(process)
        return process

    def run(self, *command, **others):
        return subprocess.run([*self.enter, *map(str, command)], capture_output=True, text=True, timeout=LIMIT, **others)

    def start_pcscd(self):
        self.daemon = self.start(need("pcscd", "pcscd"), "-f", "-c", "/run/readers", stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)

    def stop_pcscd(self, number=signal.SIGTERM):
        self.daemon.send_signal(number)
        self.daemon.wait(LIMIT)

    def readers(self):
        """Whether there is a card in each reader, by name; none while there is no daemon."""
        lines = self.run(need("opensc-tool", "opensc"), "-l").stdout.splitlines()
        return {line[line.index("Virtual"):]: "Yes" in line.split() for line in lines if "Virtual" in line}

    def wait_for_cards(self, cards=1):
        wait_until(lambda: sum(self.readers().values()) == cards, f"{cards} cards are in their readers")
