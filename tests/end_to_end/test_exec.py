"""cardrig exec: any client sees exactly its own cards, and nothing of the rig is left afterwards."""

import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rig_processes import (CARDRIG, KIND, LIMIT, RunningRig, below, command_for_everybody, exec_words, is_alive, mentioning,
                           need, ordinary_user, read_line, reader_name, run_exec, wait_until)

OPENSC_TOOL = need("opensc-tool", "opensc")
need("pcscd", "pcscd")

# SP 800-73-4 part 1, 2.2: the PIV application's identifier, as opensc-tool sends it.
SELECT_PIV = "00A4040009A00000030800001000"


@pytest.fixture(scope="session")
def command_for_all():
    with command_for_everybody() as command:
        yield str(command)


def as_ordinary_user(command_for_all, *command, cards=("piv-staff",)):
    words = exec_words(*command, cards=cards)
    return subprocess.run([*ordinary_user(), command_for_all, *words[1:]], capture_output=True, text=True,
                          timeout=LIMIT, cwd="/", env={**os.environ, "HOME": "/nonexistent"})


def test_opensc_tool_sees_the_card():
    got = run_exec(OPENSC_TOOL, "-a")
    assert got.returncode == 0, got.stderr
    assert re.fullmatch(r"3b(:[0-9a-f]{2})+\n", got.stdout), got.stdout
    assert run_exec(OPENSC_TOOL, "-n").stdout == "Personal Identity Verification Card\n"


def test_the_readers_are_named_in_the_environment():
    got = run_exec("sh", "-c", 'echo "$CARDRIG_READER|$CARDRIG_READER_2"', cards=["piv-staff", "piv-staff"])
    first, second = got.stdout.strip().split("|")
    listed = run_exec(OPENSC_TOOL, "-l", cards=["piv-staff", "piv-staff"]).stdout
    assert first != second
    for name in (first, second):
        assert re.search(rf"\bYes\b.*{re.escape(name)}$", listed, re.MULTILINE), listed


def test_a_reader_without_a_card_is_empty_and_named_too():
    script = f'"{OPENSC_TOOL}" -l; echo "$CARDRIG_READER|$CARDRIG_READER_2"; "{OPENSC_TOOL}" -r "$CARDRIG_READER_2" -a'
    got = run_exec("sh", "-c", script, options=["--readers", "2"])
    assert got.returncode == 1 and "Card not present" in got.stderr, got
    listed = re.findall(r"^\d\s+(Yes|No)\s+(.*)$", got.stdout, re.MULTILINE)
    assert listed == [("Yes", reader_name(0)), ("No", reader_name(1))]
    assert f"{reader_name(0)}|{reader_name(1)}\n" in got.stdout


def test_a_card_that_is_spare_is_in_no_reader():
    got = run_exec(OPENSC_TOOL, "-l", options=["--spare", "piv-blank", "--readers", "2"])
    assert re.findall(r"^\d\s+(Yes|No)\s", got.stdout, re.MULTILINE) == ["Yes", "No"]


def test_sixteen_readers_have_the_names_that_were_asked_for(cards_of_eight):
    names = ["Yubico YubiKey OTP+FIDO+CCID", "ACS ACR 38U-CCID [CCID Interface] (1.23-x)", "Gemalto PC Twin Reader/{9:C}",
             "Lecteur à puce", "x" * 121, *[f"Reader of number {number}" for number in range(5, 16)]]
    script = f'"{OPENSC_TOOL}" -l; for i in "" $(seq -f _%.0f 2 16); do eval "echo \\"given \\$CARDRIG_READER$i\\""; done'
    got = run_exec("sh", "-c", script, cards=cards_of_eight, kind="rig",
                   options=["--readers", "16", *[word for name in names for word in ("--reader-name", name)]])
    assert got.returncode == 0, got.stderr
    full = [f"{name} {number:02X} 00" for number, name in enumerate(names)]
    listed = re.findall(r"^\d+\s+(Yes|No)\s+(.*)$", got.stdout, re.MULTILINE)
    assert listed == [("Yes" if number < 8 else "No", name) for number, name in enumerate(full)]
    assert re.findall(r"^given (.*)$", got.stdout, re.MULTILINE) == full


def test_a_name_more_than_there_are_cards_makes_an_empty_reader_as_the_help_says():
    got = run_exec(OPENSC_TOOL, "-l", kind="rig", options=["--reader-name", "One", "--reader-name", "Two"])
    assert re.findall(r"^\d\s+(Yes|No)\s+(.*)$", got.stdout, re.MULTILINE) == [("Yes", "One 00 00"), ("No", "Two 01 00")]
    told = " ".join(subprocess.run([CARDRIG, "exec", "--help"], capture_output=True, text=True, timeout=LIMIT).stdout.split())
    assert "a name more than there are cards makes an empty one" in told


def test_a_client_that_looks_for_a_vendors_reader_finds_the_one_that_is_named_so():
    tool = need("yubico-piv-tool", "yubico-piv-tool")  # looks for "Yubikey" unless it is told otherwise
    assert run_exec(tool, "-a", "status", cards=["piv-yubico"], kind="rig").returncode != 0
    got = run_exec(tool, "-a", "status", cards=["piv-yubico"], kind="rig",
                   options=["--reader-name", "Yubico YubiKey"])
    assert got.returncode == 0 and "PIN tries left:\t3" in got.stdout, got


# A PC/SC client without anything in between: connects as its reader is named, sends what it is told, says what came.
PCSC_CLIENT = """
import ctypes, os, sys
pcsc = ctypes.CDLL("libpcsclite.so.1")
context, card, protocol = ctypes.c_long(), ctypes.c_long(), ctypes.c_ulong()
assert pcsc.SCardEstablishContext(2, None, None, ctypes.byref(context)) == 0
reader = os.environ["CARDRIG_READER"].encode()
assert pcsc.SCardConnect(context, reader, 2, 3, ctypes.byref(card), ctypes.byref(protocol)) == 0
print(f"T={protocol.value - 1}")
request = (ctypes.c_ulong * 2)(protocol.value, 16)
for text in sys.argv[1:]:
    command, answer, size = bytes.fromhex(text), ctypes.create_string_buffer(65538), ctypes.c_ulong(65538)
    assert pcsc.SCardTransmit(card, request, command, len(command), None, answer, ctypes.byref(size)) == 0
    print(answer.raw[:size.value].hex().upper())
"""


def pcsc_client(*commands, **others):
    got = run_exec("/usr/bin/python3", "-c", PCSC_CLIENT, *commands, **others)
    assert got.returncode == 0, got.stderr
    return got.stdout.split()


def test_the_protocol_is_the_one_of_the_answer_to_reset(tmp_path):
    # ISO/IEC 7816-3, 8.2: without TD1 it is T=0, and there is no check byte.
    card = tmp_path / "t0.card"
    subprocess.run([CARDRIG, "card", "new", "piv-staff", "-o", card, "--set", "atr=3B0B80F9A000000308000010" + "00"],
                   check=True, timeout=LIMIT)
    assert pcsc_client(SELECT_PIV)[0] == "T=1"
    protocol, selected, chuid = pcsc_client(SELECT_PIV, GET_CHUID, cards=[card])
    assert protocol == "T=0" and selected.endswith("9000") and chuid.startswith("53") and chuid.endswith("9000")


def test_commands_and_answers_of_extended_length_pass_whole(tmp_path):
    """ISO/IEC 7816-4, 5.1: lengths of three bytes."""
    certificate = "00CB3FFF0000055C035FC105" + "0000"
    short = "00CB3FFF055C035FC105" + "00"
    _, _, whole, first = pcsc_client(SELECT_PIV, certificate, short)
    assert len(whole) > 2 * 300 and whole.startswith("5382") and whole.endswith("9000")
    assert first.endswith("6100") or re.search("61..$", first)
    # More than one short command can hold: the card gets it in one piece, and refuses the unknown instruction.
    long = "00EE0000" + f"{3000:06X}" + "AB" * 3000
    trace = tmp_path / "trace.jsonl"
    assert pcsc_client(SELECT_PIV, long, options=["--trace", str(trace)])[-1] == "6D00"
    assert long in trace.read_text()


def test_the_users_settings_of_pcsclite_are_not_the_private_daemons():
    # pcscd(8): the one would have it ignore the readers, the other call them something else.
    script = f'"{OPENSC_TOOL}" -l; "{OPENSC_TOOL}" -r "$CARDRIG_READER" -a'
    ignored = " ".join(word for word in reader_name().split() if word.isalpha())
    got = run_exec("sh", "-c", script, env={**os.environ, "PCSCLITE_FILTER_IGNORE_READER_NAMES": ignored,
                                            "PCSCLITE_FILTER_EXTEND_READER_NAMES": " on my desk"})
    assert got.returncode == 0, got.stderr
    assert f"{reader_name()}\n" in got.stdout and "desk" not in got.stdout


@pytest.mark.parametrize("status", [0, 1, 2, 77, 125, 255])
def test_the_commands_own_status_is_given_back(status):
    assert run_exec("sh", "-c", f"exit {status}").returncode == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGABRT])
def test_a_command_ended_by_a_signal_gives_128_and_its_number(number):
    assert run_exec("sh", "-c", f"ulimit -c 0; kill -{int(number)} $$").returncode == 128 + number


def test_a_command_that_does_not_exist_gives_127():
    got = run_exec("no-such-command-anywhere")
    assert got.returncode == 127
    assert "no-such-command-anywhere" in got.stderr and "not found" in got.stderr


def test_a_command_that_cannot_be_executed_gives_126(tmp_path):
    file = tmp_path / "not-executable"
    file.write_text("text")
    file.chmod(0o644)
    got = run_exec(str(file))
    assert got.returncode == 126
    assert str(file) in got.stderr


def test_streams_are_the_rigs_own():
    got = subprocess.run(exec_words("sh", "-c", "cat; echo problem >&2"), input="typed", capture_output=True,
                         text=True, timeout=LIMIT)
    assert (got.stdout, got.stderr) == ("typed", "problem\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_not_taken_by_a_file_of_the_rigs(tmp_path, closed):
    """The client has something else there than the rig's own files, and using it fails, as if it were closed."""
    trace, seen = tmp_path / "trace.jsonl", tmp_path / "seen"
    client = ("import os, sys\n"
              "def fails(action):\n"
              "    try:\n"
              "        action()\n"
              "    except OSError:\n"
              "        return True\n"
              "uses = [lambda: os.read(0, 1), lambda: os.write(1, b'mark'), lambda: os.write(2, b'mark')]\n"
              "with open(sys.argv[1], 'w') as file:\n"
              "    for number, use in enumerate(uses):\n"
              "        print(os.readlink(f'/proc/self/fd/{number}'), fails(use), file=file)\n")
    words = exec_words("/usr/bin/python3", "-c", client, str(seen), options=["--trace", str(trace)])
    got = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", *words], stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, timeout=LIMIT)
    assert got.returncode == 0, got.stderr
    numbers = {"<&-": [0], ">&-": [1], "2>&-": [2]}.get(closed, [0, 1, 2])
    streams = [line.split() for line in seen.read_text().splitlines()]
    assert len(streams) == 3
    for number, (target, failed) in enumerate(streams):
        assert (target == "/dev/null" and failed == "True") == (number in numbers), streams
    assert "mark" not in trace.read_text()


def test_words_after_the_command_are_the_commands():
    got = run_exec("printf", "%s|", "--card", "--", "-n", "a b")
    assert got.stdout == "--card|--|-n|a b|"


@pytest.mark.parametrize("words, message", [
    (["--card", "no-such-profile", "--", "true"], "no-such-profile"),
    (["--", "true"], "--card"),
    (["--card", "piv-staff"], "no command"),
    (["--reader", "vpcd", *["--card", "piv-staff"] * 3, "--", "true"], "vpcd has 2"),
    (["--reader", "vpcd", "--card", "piv-staff", "--reader-name", "Mine", "--", "true"], "names of their own"),
    (["--reader", "usb", "--card", "piv-staff", "--", "true"], "'usb'"),
    (["--card", "piv-staff", "--readers", "17", "--", "true"], "16 at most"),
    (["--card", "piv-staff", *["--reader-name", "x"] * 17, "--", "true"], "16 at most"),
    (["--card", "piv-staff", "--card", "piv-staff", "--readers", "1", "--", "true"], "--spare"),
    (["--card", "piv-staff", "--readers", "1", *["--reader-name", "x"] * 2, "--", "true"], "2 names"),
    (["--card", "piv-staff", "--reader-name", "x" * 122, "--", "true"], "1 to 121 bytes"),
    (["--card", "piv-staff", "--reader-name", 'the "best"', "--", "true"], "quotation marks"),
    (["--card", "piv-staff", "--reader-name", "two\nlines", "--", "true"], "line breaks"),
    (["--card", "piv-staff", "--image", "a.card", "--image", "b.card", "--", "true"], "2 images for 1 cards"),
    (["--card", "piv-staff", "--spare", "piv-staff", "--image", "a.card", "--image", "./a.card", "--", "true"], "one file"),
])
def test_own_trouble_gives_125_and_says_what_is_wrong(words, message):
    got = subprocess.run([CARDRIG, "exec", *words], capture_output=True, text=True, timeout=LIMIT)
    assert got.returncode == 125
    assert message in got.stderr
    assert not got.stdout


@pytest.mark.parametrize("words", [["--bogus", "--card", "piv-staff", "--", "true"],
                                   ["--card", "piv-staff", "--bogus", "--", "true"],
                                   ["--bogus", "rig", "--card", "piv-staff", "--", "true"],
                                   ["--card", "piv-staff", "--bogus", "rig", "--", "true"],
                                   ["--card", "piv-staff", "--bogus=rig", "--", "true", "-x"]])
def test_an_unknown_option_is_told(words):
    got = subprocess.run([CARDRIG, "exec", *words], capture_output=True, text=True, timeout=LIMIT)
    assert got.returncode == 125
    assert "--bogus" in got.stderr


DRIVER = {"rig": ("CARDRIG_IFD", "correct it, or unset it"),
          "vpcd": ("CARDRIG_VPCD", "install the package vsmartcard-vpcd")}


@pytest.mark.parametrize("variable, advice", [("CARDRIG_PCSCD", "install the package pcscd"), DRIVER[KIND]])
def test_missing_software_is_named_with_what_to_do(variable, advice):
    got = run_exec("true", env={**os.environ, variable: "/nonexistent/file"})
    assert got.returncode == 125
    assert advice in got.stderr and "/nonexistent/file" in got.stderr


def test_the_other_kinds_driver_is_not_needed():
    variable, _ = DRIVER["vpcd" if KIND == "rig" else "rig"]
    assert run_exec(OPENSC_TOOL, "-a", env={**os.environ, variable: "/nonexistent/file"}).returncode == 0


def test_a_daemon_that_ends_at_once_is_told_with_its_last_words(tmp_path):
    daemon = tmp_path / "pcscd"
    daemon.write_text('#!/bin/sh\necho "cannot stat ifd-ccid.bundle"\necho "these are my last words"\nexit 3\n')
    daemon.chmod(0o755)
    got = run_exec("true", env={**os.environ, "CARDRIG_PCSCD": str(daemon)})
    assert got.returncode == 125
    assert "these are my last words" in got.stderr
    assert "ifd-ccid" not in got.stderr  # which the rig itself had hidden


# Daemons that hang: while they are asked about themselves, before their reader is there, and with it there.
HANGING_DAEMON = """#!/usr/bin/python3
import pathlib, re, signal, socket, sys
kind, state = "KIND", pathlib.Path("STATE")
if kind != "asked" and "-c" not in sys.argv:
    sys.exit(0)
listeners = []
if kind == "unanswering":
    text = pathlib.Path(sys.argv[sys.argv.index("-c") + 1], "cardrig").read_text()
    port = int(re.search(r"CHANNELID (\\S+)", text)[1], 16)
    listeners = [socket.create_server(("", port)), socket.create_server(("", port + 1))]
state.write_text("hangs")
signal.pause()
"""


@pytest.mark.parametrize("kind", ["asked", "readerless", "unanswering"])
def test_a_signal_ends_the_wait_for_a_daemon_that_hangs(tmp_path, kind):
    daemon, state = tmp_path / "pcscd", tmp_path / "state"
    daemon.write_text(HANGING_DAEMON.replace("KIND", kind).replace("STATE", str(state)))
    daemon.chmod(0o755)
    words = ["env", "--default-signal", *exec_words("true")]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, start_new_session=True,
                          env={**os.environ, "CARDRIG_PCSCD": str(daemon), "TMPDIR": str(tmp_path)}) as rig:
        wait_until(state.exists, "the daemon hangs")
        parts = below(rig.pid)
        begin = time.monotonic()
        rig.terminate()
        assert rig.wait(LIMIT) == 128 + signal.SIGTERM, rig.stderr.read()
        # The rig's own limits for a daemon that says nothing are ten seconds.
        assert time.monotonic() - begin < 7
        wait_until(lambda: not any(is_alive(pid) for pid in parts), "the rig's processes have ended")
    assert not list(tmp_path.glob("cardrig-*"))


def eight_at_once(run):
    """Eight rigs, each with a card of its own holder; every client must see its own."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(run, range(8)))


# SP 800-73-4 part 2, 3.1.2, and part 1, table 3: the cardholder unique identifier, with tag 34, the GUID.
GET_CHUID = "00CB3FFF055C035FC10200"
WHOLE_CONVERSATION = ["sh", "-c", f'"{OPENSC_TOOL}" -l; "{OPENSC_TOOL}" -s {SELECT_PIV} -s {GET_CHUID}; '
                                  'echo "socket $PCSCLITE_CSOCK_NAME"']
GUIDS = [f"{0xA0 + number:02X}" * 16 for number in range(8)]


@pytest.fixture(scope="session")
def cards_of_eight():
    """Eight cards that can be told apart, where an ordinary user can read them."""
    folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    folder.chmod(0o755)
    cards = [folder / f"{number}.card" for number in range(8)]
    for card, guid in zip(cards, GUIDS):
        subprocess.run([CARDRIG, "card", "new", "piv-staff", "-o", card, "--set", f"guid={guid}"], check=True,
                       timeout=LIMIT)
        card.chmod(0o644)
    yield cards
    shutil.rmtree(folder)


def bytes_shown(output):
    """What opensc-tool prints of answers, in hexadecimal: lines of bytes, each with their characters behind."""
    return "".join(line[:48].replace(" ", "") for line in output.splitlines()
                   if re.match(r"([0-9A-F]{2} )+", line))


def check_eight(results):
    for got, own in zip(results, GUIDS):
        assert got.returncode == 0, got.stderr
        assert len(re.findall(r"\bYes\b", got.stdout)) == 1, got.stdout
        assert got.stdout.count("SW1=0x90, SW2=0x00") == 2, got.stdout
        assert [guid for guid in GUIDS if "3410" + guid in bytes_shown(got.stdout)] == [own], got.stdout
    sockets = [re.search(r"socket (.*)", got.stdout)[1] for got in results]
    assert len(set(sockets)) == 8
    for socket in sockets:
        assert not Path(socket).parent.exists()
        assert not mentioning(str(Path(socket).parent))


def test_eight_at_once_each_reach_their_own_card(cards_of_eight):
    check_eight(eight_at_once(lambda number: run_exec(*WHOLE_CONVERSATION, cards=[cards_of_eight[number]])))


def test_eight_at_once_as_an_ordinary_user(command_for_all, cards_of_eight):
    check_eight(eight_at_once(lambda number: as_ordinary_user(command_for_all, *WHOLE_CONVERSATION,
                                                              cards=[cards_of_eight[number]])))


# Refuses the user namespaces that an ordinary user's rig needs, in one of its own; /run is its own, too.
WITHOUT_NAMESPACES = ["unshare", "-U", "--map-user=65534", "--map-group=65534", "--keep-caps", "-m", "sh", "-c",
                      "mount -t tmpfs none /run && mkdir -m 777 /run/pcscd && "
                      "echo 0 > /proc/sys/user/max_user_namespaces && "
                      'exec setpriv --inh-caps=-all --ambient-caps=-all "$@"', "sh"]


def test_without_namespaces_it_runs_plainly_and_says_so():
    need("unshare", "util-linux")
    got = run_exec(*WHOLE_CONVERSATION, prefix=WITHOUT_NAMESPACES)
    assert got.returncode == 0 and got.stdout.count("SW1=0x90, SW2=0x00") == 2, got
    assert "refuses namespaces" in got.stderr and "runs without them" in got.stderr
    # vpcd listens for its cards on ports of all interfaces.
    assert ("can be reached from the network" in got.stderr) == (KIND == "vpcd")
    socket = Path(re.search(r"socket (.*)", got.stdout)[1])
    assert not socket.parent.exists() and not mentioning(str(socket.parent))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_rig_ends_everything(number):
    with RunningRig() as rig:
        rig.process.send_signal(number)
        status, _ = rig.end()
        assert status == 128 + number
        assert not Path(rig.folder).exists()  # at once, not in a moment
        rig.assert_nothing_left()


def test_a_client_that_ignores_signals_is_ended_all_the_same():
    with RunningRig(body="trap '' TERM INT HUP") as rig:
        rig.process.terminate()
        assert rig.end()[0] == 128 + signal.SIGTERM
        rig.assert_nothing_left()


def test_nothing_is_left_when_the_rig_is_killed():
    with RunningRig(body="setsid sh -c 'trap \"\" HUP; exec sleep 1000' & echo $!") as rig:
        rig.process.kill()
        rig.end()
        rig.assert_nothing_left()


@pytest.mark.parametrize("whole_group", [False, True])
def test_nothing_is_left_when_the_rig_is_killed_as_soon_as_something_is_there(whole_group):
    words = exec_words("cat")
    with tempfile.TemporaryDirectory() as folder:  # the test's own name is too long for a socket's path
        for _ in range(20):
            with subprocess.Popen(words, stdin=subprocess.PIPE, env={**os.environ, "TMPDIR": folder},
                                  start_new_session=True) as rig:
                until = time.monotonic() + LIMIT
                while not os.listdir(folder):
                    assert rig.poll() is None and time.monotonic() < until
                os.killpg(rig.pid, signal.SIGKILL) if whole_group else rig.kill()
            wait_until(lambda: not os.listdir(folder), "the rig's folder is gone")
        wait_until(lambda: not mentioning(folder), "its processes are gone")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_a_rig_in_a_rig(number):
    deaf = shlex.join(exec_words("sh", "-c", "trap '' TERM; dirname \"$PCSCLITE_CSOCK_NAME\"; "
                                             "while :; do sleep 1000; done"))
    with RunningRig(body=f"{deaf} &", lines=1) as rig:
        inner = Path(rig.lines[0])
        assert inner.is_dir() and str(inner) != rig.folder
        rig.process.send_signal(number)
        rig.end()
        rig.assert_nothing_left()
        assert not inner.exists()
        assert not mentioning(str(inner))


def test_nothing_is_left_when_an_ordinary_users_rig_is_killed(command_for_all):
    words = exec_words("sh", "-c", 'echo "$PCSCLITE_CSOCK_NAME"; exec cat')
    with subprocess.Popen([*ordinary_user(), command_for_all, *words[1:]], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, bufsize=0, cwd="/") as process:
        socket = Path(read_line(process.stdout, "the socket"))
        process.kill()
        wait_until(lambda: not socket.parent.exists(), f"{socket.parent} is gone")
        wait_until(lambda: not mentioning(str(socket.parent)), "its processes are gone")


def test_the_end_of_its_daemon_is_told_and_ends_everything():
    with RunningRig() as rig:
        os.kill(rig.pcscd, signal.SIGKILL)
        status, error = rig.end()
        assert status == 125
        assert "pcscd has ended" in error
        rig.assert_nothing_left()


BACKGROUND = {
    "plain": "sleep 1000 & echo $!",
    "new session": "setsid sleep 1000 & echo $!",
    "orphan": "(setsid sh -c 'echo $$; exec sleep 1000' &)",
    "deaf": "sh -c 'trap \"\" TERM HUP INT; echo $$; while :; do sleep 1000; done' &",
}


@pytest.mark.parametrize("kind", BACKGROUND)
def test_processes_that_a_client_leaves_behind_are_ended(kind):
    with RunningRig(body=BACKGROUND[kind], waiting="read line; exit 5", lines=1) as rig:
        rig.process.stdin.close()
        status, error = rig.end()
        assert status == 5
        assert "left processes behind" in error
        assert not any(is_alive(int(line)) for line in rig.lines)
        rig.assert_nothing_left()


def test_a_clients_output_is_not_cut_by_what_it_leaves():
    # The last process of a pipeline may still be writing when the shell has ended.
    got = run_exec("bash", "-c", "exec > >(cat); seq 20000")
    assert got.stdout.split() == [str(number) for number in range(1, 20001)]


def test_ctrl_c_is_the_clients_to_decide_on():
    """At a terminal, the client gets the signal itself; one that handles it goes on."""
    script = ("import os, pty, signal, subprocess, sys\n"
              "pid, terminal = pty.fork()\n"
              "if pid == 0:\n"
              "    os.execv(sys.argv[1], sys.argv[1:])\n"
              "seen = b''\n"
              "while b'waiting' not in seen:\n"
              "    seen += os.read(terminal, 1000)\n"
              "os.write(terminal, b'\\x03')\n"
              "while True:\n"
              "    try:\n"
              "        piece = os.read(terminal, 1000)\n"
              "    except OSError:\n"
              "        break\n"
              "    if not piece:\n"
              "        break\n"
              "    seen += piece\n"
              "sys.stdout.buffer.write(seen)\n"
              "sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n")

    def at_terminal(client):
        return subprocess.run(["/usr/bin/python3", "-c", script, *exec_words("/usr/bin/python3", "-c", client)],
                              capture_output=True, text=True, timeout=LIMIT)

    handled = at_terminal("import signal, sys\n"
                          "try:\n"
                          "    print('waiting', flush=True)\n"
                          "    signal.pause()\n"
                          "except KeyboardInterrupt:\n"
                          "    print('handled')\n"
                          "    sys.exit(9)\n")
    assert handled.returncode == 9 and "handled" in handled.stdout
    died = at_terminal("import signal\n"
                       "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
                       "print('waiting', flush=True)\n"
                       "signal.pause()\n")
    assert died.returncode == 128 + signal.SIGINT


def test_the_cards_image_is_saved_where_asked_and_the_given_one_kept(tmp_path):
    first, second = tmp_path / "first.card", tmp_path / "second.card"
    assert run_exec("true", options=["--image", str(first)]).returncode == 0
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    before = first.read_bytes()
    # SP 800-73-4 part 2, 3.2.1: a wrong passcode takes a try, which the card writes down.
    got = run_exec(OPENSC_TOOL, "-s", SELECT_PIV, "-s", "0020008008313131313131FFFF", cards=[first],
                   options=["--image", str(second)])
    assert "SW1=0x63" in got.stdout, got.stdout
    assert first.read_bytes() == before
    assert second.read_bytes() != before


def test_each_card_is_saved_in_its_own_image(tmp_path):
    images = [tmp_path / name for name in ("first", "second", "spare")]
    options = ["--spare", "piv-blank", *[word for image in images for word in ("--image", str(image))]]
    assert run_exec("true", cards=["piv-staff", "piv-staff"], options=["--seed", "1", *options]).returncode == 0
    profiles = [subprocess.run([CARDRIG, "card", "show", image], capture_output=True, text=True, timeout=LIMIT).stdout
                for image in images]
    assert profiles[0] and profiles[2] and profiles[0] != profiles[2]


def test_the_folder_is_private_and_the_socket_is_in_it():
    got = run_exec("sh", "-c", 'stat -c "%a %F" "$(dirname "$PCSCLITE_CSOCK_NAME")" "$PCSCLITE_CSOCK_NAME"')
    folder, socket = got.stdout.splitlines()
    assert folder == "700 directory"
    assert socket.endswith(" socket")


def test_a_long_temporary_folder_still_gives_a_socket(tmp_path):
    long = tmp_path / ("x" * 90)
    long.mkdir()
    got = run_exec(OPENSC_TOOL, "-a", env={**os.environ, "TMPDIR": str(long)})
    assert got.returncode == 0, got.stderr
    assert not any(long.iterdir())


def test_the_systems_own_run_folder_is_not_touched():
    def look():
        folder = Path("/run/pcscd")
        return sorted(entry.name for entry in folder.iterdir()) if folder.exists() else None

    before = look()
    with RunningRig() as rig:
        assert look() == before
        rig.process.stdin.close()
        assert rig.end()[0] == 0
    assert look() == before
