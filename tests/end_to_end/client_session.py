"""Clients that nobody here wrote, one after another against the same cards: what the tests that drive them share.

A `Session` is one `cardrig exec` in which a small agent runs the commands that a test sends it. So a test looks at each
step's status, output and files before it takes the next one, and the cards start once for all of them.
"""

import json
import os
import re
import select
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from rig_processes import CARDRIG, LIMIT, exec_words, need

OPENSSL = need("openssl", "openssl")
PASSCODE, WRONG, UNBLOCKING_CODE = "123456", "999999", "12345678"

# Runs each command that comes as a line of JSON, under a terminal where it asks questions, and answers with a line of
# JSON. It knows nothing else, so that what is between a client and the card is `cardrig exec` alone.
AGENT = r"""
import json, os, pty, select, subprocess, sys, time

def at_terminal(command, environment, answers, limit):
    process, terminal = pty.fork()
    if process == 0:
        os.execvpe(command[0], command, environment)
    seen, until = b"", time.monotonic() + limit
    while True:
        ready, _, _ = select.select([terminal], [], [], max(0, until - time.monotonic()))
        if not ready:
            os.kill(process, 9)
            break
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            break
        if not piece:
            break
        seen += piece
        if answers and answers[0][0].encode() in seen.rpartition(b"\n")[2]:
            os.write(terminal, answers.pop(0)[1].encode() + b"\n")
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), seen.decode(errors="replace"), ""

for line in sys.stdin:
    asked = json.loads(line)
    environment = {**os.environ, **asked["environment"]}
    if asked["answers"]:
        result = at_terminal(asked["command"], environment, asked["answers"], asked["limit"])
    else:
        got = subprocess.run(asked["command"], env=environment, input=asked["typed"], capture_output=True, text=True,
                             errors="replace", timeout=asked["limit"])
        result = got.returncode, got.stdout, got.stderr
    print(json.dumps(result), flush=True)
"""


class Step(NamedTuple):
    """How a client ended, and what it said."""
    status: int
    output: str
    error: str

    @property
    def said(self):
        return self.output + self.error


class Session:
    """`with Session([card], folder) as session: session.run("opensc-tool", "-n")`; relative paths are in the folder."""

    def __init__(self, cards, folder, options=()):
        self.folder = Path(folder)
        self.process = subprocess.Popen(
            exec_words("/usr/bin/python3", "-c", AGENT, cards=cards, options=options), cwd=self.folder,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, problem, *_):
        try:
            # The agent ends with its input, and the rig with the agent.
            _, error = self.process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        assert problem or self.process.returncode == 0, error.decode()

    def attempt(self, *command, typed="", answers=(), environment=None):
        """Runs a client to its end, whatever its exit status. `typed` is its standard input; answers are (question,
        what is typed) at a terminal."""
        asked = {"command": [str(word) for word in command], "typed": typed, "answers": list(answers),
                 "environment": environment or {}, "limit": LIMIT}
        self.process.stdin.write(json.dumps(asked).encode() + b"\n")
        return Step(*json.loads(self.read_line(command)))

    def run(self, *command, **others):
        """Runs a client that must succeed."""
        step = self.attempt(*command, **others)
        assert step.status == 0, f"{command} ended with {step.status}: {step.said}"
        return step

    def read_line(self, command):
        line, until = b"", time.monotonic() + LIMIT
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, until - time.monotonic()))
            assert ready, f"not within {LIMIT} s: {command}"
            piece = os.read(self.process.stdout.fileno(), 65536)
            assert piece, f"the rig ended in {command}: {self.process.stderr.read().decode()}"
            line += piece
        return line.decode()


def need_pkcs11_tool():
    """The path of OpenSC's tool for PKCS#11, which its module comes apart from."""
    tool = need("pkcs11-tool", "opensc")
    assert list(Path("/usr/lib").glob("*/opensc-pkcs11.so")), "install the package opensc-pkcs11"
    return tool


def need_engine(session):
    """openssl's engine for PKCS#11, which uses OpenSC's module; its absence fails the test with the package."""
    step = session.attempt(OPENSSL, "engine", "pkcs11")
    assert step.output.startswith("(pkcs11)"), f"install the package libengine-pkcs11-openssl: {step.said}"


def new_card(path, *values, profile="piv-staff"):
    """A card in a file; values as `card new --set` takes them."""
    words = [CARDRIG, "card", "new", profile, "-o", path]
    for value in values:
        words += ["--set", value]
    subprocess.run(words, check=True, timeout=LIMIT)
    return path


def shown(image):
    """What is on a card, and how many tries are left."""
    return json.loads(subprocess.check_output([CARDRIG, "card", "show", "--json", image], text=True, timeout=LIMIT))


# A card with a key of each kind that OpenSC can use. Its identifiers for them are 01 to 05.
EVERY_KEY = (
    "algorithms=[rsa-2048, p-256, p-384]",
    "certificates={9A: {algorithm: rsa-2048, expires: 1 year}, 9C: {algorithm: p-256, expires: 1 year}, "
    "9D: {algorithm: p-256, expires: 1 year}, 9E: {algorithm: p-384, expires: 1 year}, "
    "82: {algorithm: rsa-2048, expires: 1 year}}")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """A folder for what the tests of one file share."""
    return tmp_path_factory.mktemp("session")


def openssl(*words, **others):
    """What openssl says on its standard output, as bytes."""
    got = subprocess.run([OPENSSL, *[str(word) for word in words]], capture_output=True, timeout=LIMIT, **others)
    assert got.returncode == 0, f"openssl {words}: {got.stderr.decode()}"
    return got.stdout


def public_key(certificate):
    """The file of a certificate's public key, beside it."""
    path = Path(f"{certificate}.pub")
    path.write_bytes(openssl("x509", "-in", certificate, "-noout", "-pubkey"))
    return path


def verifies(public, signature, message, *options, digest="sha256"):
    """Whether openssl finds the signature good: true or false, and nothing between."""
    words = [OPENSSL, "dgst", f"-{digest}", *options, "-verify", public, "-signature", signature, message]
    got = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=LIMIT)
    assert (got.returncode == 0) == ("Verified OK" in got.stdout), got
    return got.returncode == 0


class Authority:
    """A certificate authority by openssl, which knows no card: it certifies whatever public key it is given."""

    def __init__(self, folder, name="Test authority", kind="ec"):
        self.folder = Path(folder)
        self.certificate, self.key = self.folder / "ca.crt", self.folder / "ca.key"
        curve = ["-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else []
        openssl("req", "-x509", "-newkey", kind, *curve, "-nodes", "-days", "30", "-subj", f"/CN={name}", "-keyout",
                self.key, "-out", self.certificate)
        self.request = self.folder / "any.csr"
        openssl("req", "-new", "-key", self.key, "-subj", "/CN=x", "-out", self.request)

    def certify(self, public, path, subject="/CN=Holder"):
        """A certificate for a public key in a file."""
        openssl("x509", "-req", "-in", self.request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
                "-force_pubkey", public, "-subj", subject, "-days", "30", "-out", path)
        return path


def der(certificate):
    return openssl("x509", "-in", certificate, "-outform", "DER")


def self_made(folder, name, *words):
    """A key pair made outside the card: the files of its private and its public key."""
    private, public = Path(folder, f"{name}.key"), Path(folder, f"{name}.pub")
    openssl("genpkey", *words, "-out", private)
    openssl("pkey", "-in", private, "-pubout", "-out", public)
    return private, public


def bytes_printed(output):
    """The bytes of an answer, from the dump that OpenSC's tools print."""
    dumped = [line[:48] for line in output.splitlines() if re.match(r"([0-9A-F]{2} )+", line)]
    return bytes.fromhex("".join(dumped))
