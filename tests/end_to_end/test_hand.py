"""cardrig hand: cards are moved while real clients look, now or at a place, from outside and from a client's own
script."""

import json
import os
import re
import select
import signal
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from client_session import PASSCODE, Authority, Session, new_card
from pcscd_world import World
from rig_processes import CARDRIG, KIND, LIMIT, exec_words, need, ordinary_user, read_line, run_exec, wait_until

OPENSC_TOOL = need("opensc-tool", "opensc")
PIV_TOOL = need("yubico-piv-tool", "yubico-piv-tool")
need("pcscd", "pcscd")

NAMES = {"rig": "Cardrig Virtual Reader", "vpcd": "Virtual PCD"}

# A client that waits for events in the first reader, and says what it sees there.
WATCHER = r"""
import ctypes, ctypes.util, os
pcsc = ctypes.CDLL("libpcsclite.so.1")
class State(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("user", ctypes.c_void_p), ("current", ctypes.c_ulong),
                ("event", ctypes.c_ulong), ("atr_length", ctypes.c_ulong), ("atr", ctypes.c_ubyte * 33)]
context = ctypes.c_long()
assert pcsc.SCardEstablishContext(ctypes.c_ulong(2), None, None, ctypes.byref(context)) == 0
state = State(os.environ["CARDRIG_READER"].encode(), None, 0, 0, 0)
UNAVAILABLE, EMPTY, PRESENT = 0x8, 0x10, 0x20
while True:
    result = pcsc.SCardGetStatusChange(context, ctypes.c_ulong(60000), ctypes.byref(state), ctypes.c_ulong(1))
    assert result == 0, hex(result & 0xFFFFFFFF)
    if state.event & PRESENT:
        print("present", bytes(state.atr[:state.atr_length]).hex(), flush=True)
    else:
        print("empty" if state.event & EMPTY else "unavailable" if state.event & UNAVAILABLE else "other", flush=True)
    state.current = state.event & ~0x2
"""


def hand(path, *words, **others):
    return subprocess.run([CARDRIG, "hand", "--socket", str(path), *words], capture_output=True, text=True, timeout=LIMIT,
                          **others)


def must(path, *words):
    got = hand(path, *words)
    assert got.returncode == 0, got.stdout + got.stderr
    return got


def status(path):
    return json.loads(must(path, "status", "--json").stdout)


def run_shell(script, *options, cards=("piv-staff",), **others):
    """A shell script in a rig, which finds `cardrig` by its name."""
    environment = {**os.environ, "PATH": f"{Path(CARDRIG).parent}:{os.environ['PATH']}"}
    return run_exec("sh", "-c", script, cards=cards, options=options, env=environment, **others)


class Rig:
    """`cardrig exec --control=PATH` around a command, moved from outside."""

    def __init__(self, folder, *command, cards=("piv-staff",), options=()):
        self.socket = folder / "control"
        words = exec_words(*command, cards=cards, options=[f"--control={self.socket}", *options])
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        bufsize=0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
        self.process.wait(LIMIT)

    def sees(self, what):
        """Reads on until the client says so; whatever it saw before."""
        seen = []
        while not (seen and seen[-1].startswith(what)):
            try:
                seen.append(read_line(self.process.stdout, f"{what}, after {seen}"))
            except AssertionError as gone:
                self.process.terminate()
                raise AssertionError(f"{gone}; it said: {self.process.stderr.read().decode()}") from gone
        return seen


@pytest.fixture
def watched(tmp_path):
    with Rig(tmp_path, "/usr/bin/python3", "-c", WATCHER, options=["--spare", "piv-yubico"]) as rig:
        rig.sees("present")
        yield rig


# --- what clients see ---------------------------------------------------------------------------------------------


def test_a_client_that_waits_sees_each_move(watched):
    for _ in range(3):
        must(watched.socket, "remove")
        assert watched.sees("empty") == ["empty"]
        must(watched.socket, "insert")
        assert len(watched.sees("present")) == 1


def test_a_client_that_waits_sees_another_card(watched):
    must(watched.socket, "remove")
    watched.sees("empty")
    must(watched.socket, "insert", "card", "1")
    first = watched.sees("present")[-1]
    must(watched.socket, "swap", "card", "2")
    second = watched.sees("present")[-1]
    if second == first:  # the client was so quick that it saw the first one's end by itself
        second = watched.sees("present")[-1]
    assert second != first
    assert status(watched.socket)["readers"][0]["card"] == "2"


def test_a_client_that_waits_sees_the_reader_go_and_come_back(watched):
    got = must(watched.socket, "unplug")
    assert watched.sees("unavailable" if KIND == "rig" else "empty")
    assert ("vpcd cannot show" in got.stderr) == (KIND == "vpcd")
    assert status(watched.socket)["readers"][0]["plugged"] is False
    must(watched.socket, "plug")
    watched.sees("present")


def test_opensc_tool_waits_for_a_card_to_be_inserted(tmp_path):
    with Rig(tmp_path, "sh", "-c", f"echo ready; read go; exec {OPENSC_TOOL} --wait -n 2>&1") as rig:
        read_line(rig.process.stdout, "ready")
        must(rig.socket, "remove")
        rig.process.stdin.write(b"\n")
        rig.sees("Waiting for a card to be inserted")

        def inserted():
            """The tool says so before it looks what there is: what happens in between it does not wait for."""
            must(rig.socket, "insert")
            seen = select.select([rig.process.stdout], [], [], 2)[0]
            if not seen:
                must(rig.socket, "remove")
            return seen
        wait_until(inserted, "the tool sees the card")
        rig.sees("Personal Identity Verification Card")


def test_a_status_says_where_everything_is(watched):
    found = status(watched.socket)
    assert found["readers"] == [{"reader": 1, "name": f"{NAMES[KIND]} 00 00", "plugged": True, "card": "1"}]
    assert [(card["card"], card["reader"]) for card in found["cards"]] == [("1", 1), ("2", None)]
    table = must(watched.socket, "status").stdout
    assert re.search(rf"^1 +{NAMES[KIND]} 00 00 +yes +1$", table, re.MULTILINE), table


# --- at a place ---------------------------------------------------------------------------------------------------


@pytest.fixture
def session(tmp_path):
    card = new_card(tmp_path / "card", profile="piv-blank")
    options = [f"--control={tmp_path / 'control'}", "--spare", "piv-blank"]
    with Session([card], tmp_path, options=options) as made:
        made.run("true")  # the rig is there
        yield made


def make_certificate(session):
    session.run(PIV_TOOL, "-r", "Virtual", "-s", "9c", "-A", "ECCP256", "-a", "generate", "-o", session.folder / "key")
    Authority(session.folder).certify(session.folder / "key", session.folder / "certificate")
    return session.folder / "certificate"


def test_a_card_leaves_while_its_certificate_is_written(session):
    certificate, control = make_certificate(session), session.folder / "control"
    fault = must(control, "remove", "--at", "put-data signature-certificate block 2 before").stdout.strip()
    step = session.attempt(PIV_TOOL, "-r", "Virtual", "-s", "9c", "-a", "import-certificate", "-i", certificate)
    assert step.status != 0 and "Successfully" not in step.said, step.said
    must(control, "wait", "fault", fault, "--limit", "0")
    assert status(control)["readers"][0]["card"] is None
    must(control, "insert")
    step = session.run(PIV_TOOL, "-r", "Virtual", "-s", "9c", "-a", "import-certificate", "-i", certificate)
    assert "Successfully imported a new certificate." in step.said


def test_a_card_leaves_while_it_makes_a_key(session):
    control = session.folder / "control"
    must(control, "remove", "--at", "generate-key-pair 9A after")
    step = session.attempt(PIV_TOOL, "-r", "Virtual", "-s", "9a", "-A", "ECCP256", "-a", "generate")
    assert step.status != 0 and "Successfully" not in step.said, step.said
    assert status(control)["readers"][0]["card"] is None


def test_a_card_without_power_is_back_after_the_client_connects_again(session):
    control = session.folder / "control"
    got = must(control, "cut-power")
    assert ("vpcd cannot show" in got.stderr) == (KIND == "vpcd")
    if KIND == "vpcd":
        must(control, "insert")
    session.attempt(PIV_TOOL, "-r", "Virtual", "-a", "status")
    session.run(PIV_TOOL, "-r", "Virtual", "-a", "status")


def test_an_answer_is_replaced_and_another_card_takes_its_place(session):
    control = session.folder / "control"
    must(control, "answer", "6983", "--at", "verify passcode before")
    verify = [PIV_TOOL, "-r", "Virtual", "-a", "verify-pin", "-P", PASSCODE]
    assert session.attempt(*verify).status != 0
    assert session.run(*verify).status == 0
    must(control, "swap", "--at", "verify passcode after")
    assert session.attempt(*verify).status != 0
    assert status(control)["readers"][0]["card"] == "2"
    wait_until(lambda: session.attempt(*verify).status == 0, "the other card can be used")  # vpcd shows it later


def test_a_plan_is_forgotten(session):
    control = session.folder / "control"
    must(control, "remove", "--at", "any before")
    assert "any before" in must(control, "forget").stdout
    session.run(PIV_TOOL, "-r", "Virtual", "-a", "status")


# --- from a script of the client's own ----------------------------------------------------------------------------


def test_a_script_takes_the_card_out_at_a_place_and_puts_it_back():
    got = run_shell(r"""
        set -e
        cardrig hand remove --at 'verify passcode before'
        ! yubico-piv-tool -r Virtual -a verify-pin -P 123456
        cardrig hand wait fault 1
        cardrig hand insert
        yubico-piv-tool -r Virtual -a verify-pin -P 123456
    """, "--control")
    assert got.returncode == 0, got.stdout + got.stderr
    assert got.stdout.startswith("1\n") and "Successfully verified PIN" in got.stdout + got.stderr


def test_a_script_waits_for_what_another_process_does():
    got = run_shell(r"""
        cardrig hand wait 'verify passcode after' --limit 50 && echo seen & waiting=$!
        until cardrig hand status | grep -q 'wait'; do :; done
        yubico-piv-tool -r Virtual -a verify-pin -P 123456 2> /dev/null
        wait $waiting
    """, "--control")
    assert got.returncode == 0, got.stdout + got.stderr
    assert "seen" in got.stdout


def test_a_fault_is_planned_and_waited_for_in_one():
    got = run_shell(r"""
        cardrig hand remove --at 'verify passcode before' --wait --limit 50 > moved & waiting=$!
        until grep -q 1 moved; do :; done
        yubico-piv-tool -r Virtual -a verify-pin -P 123456
        wait $waiting
    """, "--control", cwd=subprocess.check_output(["mktemp", "-d"], text=True).strip())
    assert got.returncode == 0, got.stdout + got.stderr


def test_any_language_speaks_to_the_socket():
    got = run_shell(r"""
        /usr/bin/python3 -c '
import json, os, socket
with socket.socket(socket.AF_UNIX) as line:
    line.connect(os.environ["CARDRIG_CONTROL"])
    answers = line.makefile("r")
    for request in {"do": "remove"}, {"do": "insert", "limit": 10}, {"do": "remov"}, {"do": "status"}:
        line.sendall(json.dumps(request).encode() + b"\n")
        print(answers.readline(), end="")
'""", "--control")
    assert got.returncode == 0, got.stderr
    removed, inserted, refused, found = map(json.loads, got.stdout.splitlines())
    assert removed == inserted == {"ok": True, "seen": True}
    assert refused["ok"] is False and refused["kind"] == "request" and "remove" in refused["error"]
    assert found["readers"][0]["card"] == "1"


def test_the_client_is_killed():
    nothing, writer = os.pipe()
    got = run_shell("cardrig hand kill-client; read forever", "--control", stdin=nothing)
    os.close(nothing)
    os.close(writer)
    assert got.returncode == 128 + signal.SIGKILL


# --- the command --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "status", "said"), [
    (["remov"], 2, "did you mean 'remove'"),
    (["remove", "--at", "verfy before"], 2, "did you mean 'verify'"),
    (["remove", "reader", "7"], 2, "there is no reader 7"),
    (["insert"], 2, "card 1 is in reader 1 already"),
    (["wait"], 2, "'wait' wants 'at'"),
    (["wait", "fault", "9"], 2, "there is no fault 9"),
    ([], 2, "what is the hand to do"),
    (["status", "foo"], 2, "'status' takes nothing more"),
    (["forget", "3"], 2, "'forget' takes nothing more"),
    (["insert", "reader", "2", "card", "1"], 2, "it is written 'insert [card NAME] [reader N]'"),
    (["wait", "fault"], 2, "wait fault 1"),
    (["delay", "5"], 2, "'5' after 'delay' has no unit: 'delay 500 ms"),
    (["kill"], 2, "did you mean 'kill-client'?"),
    (["remove", "--wait"], 2, "--at"),
    (["remove", "--limit", "-1"], 2, "seconds"),
    (["wait", "verify before", "--limit", "0.05"], 1, "not within 0.05 s"),
])
def test_what_is_wrong_is_told(words, status, said):
    quoted = " ".join(f"'{word}'" for word in words)
    got = run_shell(f"cardrig hand {quoted}", "--control")
    assert got.returncode == status, got.stderr
    assert said in got.stderr


def test_what_is_wrong_is_told_in_json_where_that_is_asked_for():
    for words, kind in (["remov"], "request"), (["wait", "fault", "x"], "request"), (["insert"], "request"), \
                       (["status", "--socket", "/nowhere/at/all"], "host"):
        got = run_shell(f"cardrig hand --json {' '.join(words)}", "--control")
        answer = json.loads(got.stdout)
        assert (answer["ok"], answer["kind"], got.returncode) == (False, kind, {"request": 2, "host": 3}[kind]), got


def test_without_a_rig_it_says_how_to_start_one(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "CARDRIG_CONTROL"}
    got = subprocess.run([CARDRIG, "hand", "status"], capture_output=True, text=True, env=environment)
    assert got.returncode == 3 and "--control" in got.stderr
    for words in ["status", "--limit", "0"], ["remove", "--limit", "0.05"]:
        got = hand(tmp_path / "control", *words)
        assert got.returncode == 3 and "no rig is at" in got.stderr
    got = hand(tmp_path / "missing" / "control", "status")
    assert got.returncode == 3 and "No such file or directory" in got.stderr


def test_a_rig_that_is_about_to_start_is_waited_for(tmp_path):
    words = ["--socket", tmp_path / "control", "wait", "verify passcode after", "--limit", str(LIMIT)]
    with subprocess.Popen([CARDRIG, "hand", *words]) as asking, \
         Rig(tmp_path, "sh", "-c", f"read go; exec {PIV_TOOL} -r Virtual -a verify-pin -P {PASSCODE}") as rig:
        wait_until(lambda: status(rig.socket)["faults"], "the one who was there before the rig has asked")
        rig.process.stdin.write(b"\n")
        assert asking.wait(LIMIT) == 0


def test_the_socket_is_in_the_rigs_own_folder_and_its_owners_alone():
    got = run_shell('stat -c %a "$CARDRIG_CONTROL"; dirname "$CARDRIG_CONTROL"; dirname "$PCSCLITE_CSOCK_NAME"', "--control")
    mode, folder, rigs = got.stdout.split()
    assert mode == "600" and folder == rigs and not Path(folder).exists()


def test_without_control_there_is_no_socket_not_even_another_rigs(tmp_path):
    assert run_shell('echo "<$CARDRIG_CONTROL>"').stdout == "<>\n"
    inner = " ".join(exec_words("sh", "-c", "'echo \"<$CARDRIG_CONTROL>\"'"))
    assert run_shell(inner, "--control").stdout == "<>\n"
    assert run_shell('echo "<$CARDRIG_CONTROL>"', f"--control={tmp_path / 'control'}").stdout == "<>\n"


def test_a_socket_at_a_path_goes_with_the_rig_also_when_that_is_killed(tmp_path):
    with Rig(tmp_path, "cat") as rig:
        wait_until(rig.socket.is_socket, "the socket is there")
        assert stat.S_IMODE(rig.socket.stat().st_mode) == 0o600
        rig.process.stdin.close()
        rig.process.wait(LIMIT)
        assert not rig.socket.exists()
    with Rig(tmp_path, "sh", "-c", "echo ready; exec cat") as rig:
        read_line(rig.process.stdout, "ready")
        must(rig.socket, "status")
        rig.process.kill()
        wait_until(lambda: not rig.socket.exists(), "the socket of a killed rig is gone")


def test_what_is_at_the_path_already_is_not_overwritten(tmp_path):
    path = tmp_path / "control"
    path.write_text("a file")
    got = run_shell("true", f"--control={path}")
    assert got.returncode == 125 and "no control socket" in got.stderr
    assert path.read_text() == "a file"
    path.unlink()
    with socket.socket(socket.AF_UNIX) as alive:
        alive.bind(str(path))
        alive.listen()
        got = run_shell("true", f"--control={path}")
        assert got.returncode == 125 and "somebody listens there already" in got.stderr
    got = run_shell("true", f"--control={path}")  # dead by now
    assert got.returncode == 0 and not path.exists(), got.stderr


@pytest.mark.parametrize(("words", "said"), [
    (["--control="], "'--control=': PATH has a '/'"),
    (["--control=true"], "PATH has a '/'"),
    (["--control=hand"], "--control=./hand"),
    (["--control", "/tmp/hand"], "write --control=PATH"),
])
def test_a_place_for_the_socket_that_could_be_misunderstood_is_refused(words, said):
    got = run_shell('echo "<$CARDRIG_CONTROL>"', *words)
    assert (got.returncode, got.stdout) == (125, "") and said in got.stderr, got


def test_other_users_cannot_move_cards(tmp_path):
    if not ordinary_user():
        pytest.fail("this test has to run as root, to be another user") if os.geteuid() == 0 else None
        return
    with Rig(tmp_path, "cat") as rig:
        wait_until(rig.socket.is_socket, "the socket is there")
        got = subprocess.run([*ordinary_user(), "/usr/bin/python3", "-c",
                              f"import socket; socket.socket(socket.AF_UNIX).connect({str(rig.socket)!r})"],
                             capture_output=True, text=True, timeout=LIMIT)
        assert "PermissionError" in got.stderr


# --- in somebody else's daemon ------------------------------------------------------------------------------------


@pytest.fixture
def world():
    with World() as made:
        yield made


def use_until_out(world, control):
    """Until the card in the first reader has met what is planned for it."""
    def out():
        world.run(OPENSC_TOOL, "-r", "0", "-n")
        return status(control)["readers"][0]["card"] is None
    wait_until(out, "the card is out")


def test_served_cards_are_moved(world, tmp_path):
    world.start_pcscd()
    control = tmp_path / "control"
    with (tmp_path / "said").open("w") as said:
        served = world.start(CARDRIG, "serve", "--card", "piv-staff", "--spare", "piv-yubico", "--control", control,
                             "--trace", tmp_path / "trace", stdout=subprocess.DEVNULL, stderr=said)
    world.wait_for_cards()
    atr = world.run(OPENSC_TOOL, "-r", "0", "-a").stdout
    assert json.loads(must(control, "remove", "--json").stdout) == {"ok": True, "seen": None}
    world.wait_for_cards(0)
    must(control, "insert")
    world.wait_for_cards(1)
    assert world.run(OPENSC_TOOL, "-r", "0", "-a").stdout == atr
    must(control, "swap")
    wait_until(lambda: world.run(OPENSC_TOOL, "-r", "0", "-a").stdout not in ("", atr), "another card is in")
    assert status(control)["readers"][0]["card"] == "2"
    assert "vpcd" in must(control, "unplug").stderr
    world.wait_for_cards(0)
    must(control, "plug")
    world.wait_for_cards(1)
    must(control, "remove", "--at", "select before card 2")
    use_until_out(world, control)
    must(control, "insert", "card", "1")
    world.wait_for_cards(1)
    must(control, "cut-power", "--at", "select before")
    use_until_out(world, control)
    assert served.poll() is None, (tmp_path / "said").read_text()
    served.send_signal(signal.SIGTERM)
    assert served.wait(LIMIT) == 0, (tmp_path / "said").read_text()
    assert not control.exists()
    events = [json.loads(line) for line in (tmp_path / "trace").read_text().splitlines()]
    moved = [event["event"] for event in events if event["kind"] == "reader"]
    assert moved == ["inserted", "removed"] * 5, moved


def test_serving_in_reverse_has_no_control(tmp_path):
    got = subprocess.run([CARDRIG, "serve", "--card", "piv-staff", "--listen", "35963", "--control", tmp_path / "control"],
                         capture_output=True, text=True, timeout=LIMIT)
    assert got.returncode == 2 and "exclude each other" in got.stderr
    got = subprocess.run([CARDRIG, "serve", "--card", "piv-staff", "--spare", "piv-staff"], capture_output=True, text=True,
                         timeout=LIMIT)
    assert got.returncode == 2 and "--control" in got.stderr
