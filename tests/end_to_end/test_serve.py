"""cardrig serve: a card in a pcscd that runs already, seen by clients that nobody here wrote. It comes back with its
reader, never keeps that waiting, and is saved at the end."""

import hashlib
import json
import re
import signal
import socket
import stat
import subprocess
import zlib

import pytest

from pcscd_world import World
from rig_processes import CARDRIG, LIMIT, need, read_line, run_exec, wait_until

OPENSC_TOOL = need("opensc-tool", "opensc")
PIV_TOOL = need("yubico-piv-tool", "yubico-piv-tool")
need("pcscd", "pcscd")

PASSCODE, WRONG = "123456", "999999"
ATR = "3b:8b:01:80:f9:a0:00:00:03:08:00:00:10:00:48"


@pytest.fixture
def world():
    with World() as made:
        yield made


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "card.image"
    subprocess.run([CARDRIG, "card", "new", "piv-staff", "-o", path], check=True)
    return path


class Served:
    """`cardrig serve` inside a world, with what it writes kept in files that it can be read from at any time."""

    def __init__(self, world, folder, *options, cards=("piv-staff",), **others):
        self.output, self.error = folder / "serve.out", folder / "serve.err"
        words = [CARDRIG, "serve", *(word for card in cards for word in ("--card", card)), *options]
        with self.output.open("w") as output, self.error.open("w") as error:
            self.process = world.start(*words, **{"stdout": output, "stderr": error, **others})

    def wait_for_word(self, text, times=1):
        wait_until(lambda: self.said().count(text) >= times or self.process.poll() is not None, text)
        assert self.said().count(text) >= times, self.said()

    def said(self):
        return self.error.read_text()

    def lines(self):
        return self.output.read_text().splitlines()

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(LIMIT)


def tries_left(image):
    shown = json.loads(subprocess.check_output([CARDRIG, "card", "show", "--json", image], text=True))
    return shown["passcode"]["tries-left"]


def verify(world, passcode):
    return world.run(PIV_TOOL, "-r", "Virtual PCD 00 00", "-a", "verify-pin", "-P", passcode)


# --- the card in its reader --------------------------------------------------------------------------------------


def test_clients_see_the_card_as_if_it_were_real(world, tmp_path):
    world.start_pcscd()
    served = Served(world, tmp_path)
    world.wait_for_cards()
    assert world.readers() == {"Virtual PCD 00 00": True, "Virtual PCD 00 01": False}
    got = world.run(OPENSC_TOOL, "-r", "0", "-a")
    assert got.stdout == f"{ATR}\n", got.stderr
    assert world.run(OPENSC_TOOL, "-r", "0", "-n").stdout == "Personal Identity Verification Card\n"
    status = world.run(PIV_TOOL, "-r", "Virtual PCD 00 00", "-a", "status")
    assert re.search(r"PIN tries left:\s+3", status.stdout), status.stdout + status.stderr
    assert verify(world, PASSCODE).returncode == 0
    assert served.stop() == 0
    assert "now in the reader at 127.0.0.1:35963" in served.said()
    wait_until(lambda: not any(world.readers().values()), "the card is gone")


def test_two_cards_are_in_two_readers(world, tmp_path, image):
    world.start_pcscd()
    Served(world, tmp_path, "--vpcd", "localhost", cards=["piv-staff", image])
    world.wait_for_cards(2)
    assert "2 tries left" in world.run(PIV_TOOL, "-r", "Virtual PCD 00 01", "-a", "verify-pin", "-P", WRONG).stderr
    status = world.run(PIV_TOOL, "-r", "Virtual PCD 00 00", "-a", "status")
    assert re.search(r"PIN tries left:\s+3", status.stdout)


def test_another_port_can_be_named(tmp_path):
    with World(port=40000) as world:
        world.start_pcscd()
        Served(world, tmp_path, "--vpcd", "127.0.0.1:40000")
        world.wait_for_cards()


def test_a_pcscd_that_starts_later_is_waited_for(world, tmp_path):
    served = Served(world, tmp_path)
    served.wait_for_word("no vpcd answers at 127.0.0.1:35963 (Connection refused)")
    assert "vsmartcard-vpcd" in served.said()
    world.start_pcscd()
    world.wait_for_cards()
    assert world.run(OPENSC_TOOL, "-r", "0", "-a").stdout == f"{ATR}\n"
    assert served.said().count("no vpcd") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_card_comes_back_when_pcscd_is_restarted(world, tmp_path, image, number):
    world.start_pcscd()
    served = Served(world, tmp_path, cards=[image])
    world.wait_for_cards()
    assert "2 tries left" in verify(world, WRONG).stderr
    world.stop_pcscd(number)
    served.wait_for_word("the reader at 127.0.0.1:35963 is gone")
    world.start_pcscd()
    world.wait_for_cards()
    served.wait_for_word("the card is back in the reader at 127.0.0.1:35963")
    # What it had written to its memory is still there.
    assert "1 tries left" in verify(world, WRONG).stderr
    assert served.stop() == 0
    assert served.said().count("is gone") == 1 and served.said().count("is back") == 1


def test_a_connection_with_itself_is_not_taken_for_a_vpcd(world, tmp_path):
    """Where a port that nobody listens at is the only one for outgoing connections, TCP connects it with itself."""
    world.run("sh", "-c", "echo 35963 35963 > /proc/sys/net/ipv4/ip_local_port_range", check=True)
    # Or this test would show nothing. Closed without a wait, so that the port is free at once.
    world.run("/usr/bin/python3", "-c", "import socket, struct\n"
              "made = socket.create_connection(('127.0.0.1', 35963))\n"
              "made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))\n", check=True)
    served = Served(world, tmp_path)
    served.wait_for_word("no vpcd answers")
    assert world.run("sh", "-c", "echo 40000 50000 > /proc/sys/net/ipv4/ip_local_port_range").returncode == 0
    # The port is free for vpcd, also while the next tries are made.
    world.start_pcscd()
    world.wait_for_cards()


def test_a_card_that_finds_its_reader_taken_says_so_and_gets_it_later(world, tmp_path):
    world.start_pcscd()
    (tmp_path / "second").mkdir()
    first = Served(world, tmp_path)
    world.wait_for_cards()
    second = Served(world, tmp_path / "second")
    second.wait_for_word("perhaps another card is in it")
    assert first.stop() == 0
    second.wait_for_word("now in the reader")
    world.wait_for_cards()


# --- what passes -------------------------------------------------------------------------------------------------


def test_apdus_are_told_as_they_pass_with_meaning_status_and_time(world, tmp_path):
    world.start_pcscd()
    trace = tmp_path / "trace.jsonl"
    served = Served(world, tmp_path, "--trace", trace)
    world.wait_for_cards()
    verify(world, WRONG)
    wait_until(lambda: any("wrong, 2 tries left" in line for line in served.lines()), "the line about VERIFY")
    (line,) = [line for line in served.lines() if "wrong, 2 tries left" in line]
    assert re.fullmatch(r" *\d+ +\d+\.\d{4}  0  apdu +verify passcode +> 0020008008\.\.  < 63C2  63C2 wrong, 2 tries left"
                        r"  \d+\.\d ms", line), line
    assert served.stop() == 0
    text = "\n".join(served.lines())
    assert re.search(r"0  reader +inserted\n", text) and re.search(r"0  power +on\n", text)
    assert served.lines()[-1].endswith("removed")
    assert "\x1b" not in text and "memory-write" not in text
    assert WRONG.encode().hex().upper() not in text + trace.read_text()
    assert stat.S_IMODE(trace.stat().st_mode) == 0o600
    shown = subprocess.check_output([CARDRIG, "trace", "show", trace], text=True)
    assert "wrong, 2 tries left" in shown and "memory-write" in shown


def test_secrets_are_shown_where_that_is_asked_for(world, tmp_path):
    world.start_pcscd()
    served = Served(world, tmp_path, "--show-secrets")
    world.wait_for_cards()
    verify(world, WRONG)
    assert served.stop() == 0
    assert f"> 0020008008{WRONG.encode().hex()}FFFF" in served.output.read_text()


def many_apdus(world, count):
    words = ["-s", "0020008000"] * count
    got = world.run(OPENSC_TOOL, "-r", "0", "-s", "00A4040009A00000030800001000", *words)
    assert got.stdout.count("SW1=0x63, SW2=0xC3") == count, got.stdout[-300:] + got.stderr


def test_a_reader_of_the_output_who_stops_does_not_stop_the_card(world, tmp_path):
    world.start_pcscd()
    served = Served(world, tmp_path, stdout=subprocess.PIPE)
    world.wait_for_cards()
    # A line has about 100 bytes; a pipe holds 64 KiB, and 256 KiB wait before it.
    for _ in range(10):
        many_apdus(world, 600)
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(LIMIT) == 0
    text = served.process.stdout.read().decode()
    assert text.startswith("    1 ") and text.count("verify passcode-status") < 6000


def test_lines_that_nobody_read_in_time_are_told_as_missing(world, tmp_path):
    world.start_pcscd()
    served = Served(world, tmp_path, stdout=subprocess.PIPE)
    world.wait_for_cards()
    for _ in range(10):
        many_apdus(world, 600)
    read = ""
    while "lines are missing" not in read:
        read = read_line(served.process.stdout, "the missing lines")
    assert re.fullmatch(r"\(here \d+ lines are missing: nobody read in time\)", read)
    many_apdus(world, 1)
    while "verify passcode-status" not in read:
        read = read_line(served.process.stdout, "lines that come after those")


def test_a_reader_of_the_output_who_leaves_does_not_end_the_card(world, tmp_path):
    world.start_pcscd()
    served = Served(world, tmp_path, stdout=subprocess.PIPE)
    world.wait_for_cards()
    served.process.stdout.close()
    many_apdus(world, 1)
    served.wait_for_word("cannot write to standard output any more (Broken pipe)")
    many_apdus(world, 100)
    assert served.stop() == 0


def test_nobody_has_to_read_what_it_says(world, tmp_path):
    world.start_pcscd()
    served = Served(world, tmp_path, stderr=subprocess.PIPE)
    served.process.stderr.close()
    world.wait_for_cards()
    many_apdus(world, 1)
    assert served.stop() == 0


def test_a_full_disk_under_the_trace_does_not_stop_the_card(world, tmp_path):
    world.start_pcscd()
    served = Served(world, tmp_path, "--trace", "/dev/full")
    world.wait_for_cards()
    served.wait_for_word("/dev/full: cannot write the trace any more (No space left on device)")
    many_apdus(world, 10)
    assert served.stop() == 1
    assert "events are missing in the trace" in served.said()


# --- the image ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_card_is_saved_with_all_that_became_of_it(world, tmp_path, image, number):
    world.start_pcscd()
    before, after = image.read_bytes(), tmp_path / "after.image"
    served = Served(world, tmp_path, "--image", after, cards=[image])
    world.wait_for_cards()
    got = world.run(PIV_TOOL, "-r", "Virtual PCD 00 00", "-a", "change-pin", "-P", PASSCODE, "-N", "654321")
    assert got.returncode == 0, got.stderr
    assert "2 tries left" in verify(world, WRONG).stderr
    assert served.stop(number) == 0
    assert image.read_bytes() == before
    assert stat.S_IMODE(after.stat().st_mode) == 0o600
    assert tries_left(after) == 2 and tries_left(image) == 3
    for passcode, works in ((PASSCODE, False), ("654321", True)):
        got = run_exec(PIV_TOOL, "-r", "Virtual", "-a", "verify-pin", "-P", passcode, cards=[after])
        assert (got.returncode == 0) == works, got.stderr


def test_an_image_can_be_saved_where_it_came_from_and_goes_on(world, tmp_path, image):
    world.start_pcscd()
    for left in (2, 1):
        served = Served(world, tmp_path, "--image", image, cards=[image])
        world.wait_for_cards()
        assert f"{left} tries left" in verify(world, WRONG).stderr
        assert served.stop() == 0
        wait_until(lambda: not any(world.readers().values()), "the card is gone")
        assert tries_left(image) == left


def test_each_of_two_cards_is_saved(world, tmp_path, image):
    world.start_pcscd()
    first, second = tmp_path / "first", tmp_path / "second"
    served = Served(world, tmp_path, "--image", first, "--image", second, cards=["piv-staff", image])
    world.wait_for_cards(2)
    assert "2 tries left" in world.run(PIV_TOOL, "-r", "Virtual PCD 00 01", "-a", "verify-pin", "-P", WRONG).stderr
    assert served.stop() == 0
    assert (tries_left(first), tries_left(second)) == (3, 2)


def test_without_an_image_to_save_in_it_says_what_is_not_kept(world, tmp_path, image):
    world.start_pcscd()
    before = image.read_bytes()
    served = Served(world, tmp_path, cards=[image])
    world.wait_for_cards()
    verify(world, WRONG)
    assert served.stop() == 0
    assert f"{image}: what was written to this card's memory is not kept (--image FILE would)" in served.said()
    assert image.read_bytes() == before


def test_a_card_that_nobody_wrote_to_loses_nothing(world, tmp_path):
    world.start_pcscd()
    served = Served(world, tmp_path)
    world.wait_for_cards()
    assert served.stop() == 0
    assert "not kept" not in served.said()


def test_a_killed_one_leaves_the_image_whole(world, tmp_path, image):
    world.start_pcscd()
    before = image.read_bytes()
    served = Served(world, tmp_path, "--image", image, cards=[image])
    world.wait_for_cards()
    verify(world, WRONG)
    assert served.stop(signal.SIGKILL) == -signal.SIGKILL
    assert image.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["card.image", "serve.err", "serve.out"]
    wait_until(lambda: not any(world.readers().values()), "the card is gone")


def test_a_card_whose_place_is_gone_is_saved_elsewhere(world, tmp_path):
    world.start_pcscd()
    folder, refuge = tmp_path / "folder", tmp_path / "refuge"
    folder.mkdir()
    refuge.mkdir()
    served = Served(world, tmp_path, "--image", folder / "card.image", env={"TMPDIR": str(refuge), "HOME": str(tmp_path)})
    world.wait_for_cards()
    verify(world, WRONG)
    folder.rmdir()
    assert served.stop() == 2
    (saved,) = refuge.iterdir()
    assert tries_left(saved) == 2
    assert str(saved) in served.said() and str(folder / "card.image") in served.said()


def test_a_signal_while_a_command_runs_leaves_client_and_image_whole(world, tmp_path, image):
    """A key pair is being made when the signal comes, or was just made: either way the card is one or the other."""
    world.start_pcscd()
    after = tmp_path / "after.image"
    served = Served(world, tmp_path, "--image", after, cards=[image])
    world.wait_for_cards()
    client = world.start(PIV_TOOL, "-r", "Virtual PCD 00 00", "-s", "9a", "-A", "RSA2048", "-a", "generate",
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: "general-authenticate" in served.output.read_text(), "the management key's exchange")
    assert served.stop() == 0
    output, error = client.communicate(timeout=LIMIT)
    differences = subprocess.run([CARDRIG, "card", "diff", image, after], capture_output=True, text=True, check=False)
    assert differences.returncode in (0, 1), differences.stderr
    if client.returncode == 0:
        assert b"BEGIN PUBLIC KEY" in output and differences.returncode == 1
    else:
        assert error


def test_a_second_signal_does_not_wait_for_a_slow_card(world, tmp_path):
    slow, after = tmp_path / "slow.image", tmp_path / "after.image"
    subprocess.run([CARDRIG, "card", "new", "piv-staff", "-o", slow, "--set",
                    "timing={generate: {rsa-2048: 10 minutes}}"], check=True)
    world.start_pcscd()
    served = Served(world, tmp_path, "--image", after, cards=[slow])
    world.wait_for_cards()
    client = world.start(PIV_TOOL, "-r", "Virtual PCD 00 00", "-s", "9a", "-A", "RSA2048", "-a", "generate",
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: served.output.read_text().count("general-authenticate") == 2, "the key pair is asked for")
    served.process.send_signal(signal.SIGTERM)
    assert served.stop() == 0
    assert client.wait(LIMIT) != 0
    subprocess.run([CARDRIG, "card", "show", after], check=True, stdout=subprocess.DEVNULL)


# --- reversed ----------------------------------------------------------------------------------------------------


def test_a_vpcd_that_connects_to_us_gets_the_card(tmp_path, image):
    with World(reversed_to="127.0.0.1") as world:
        served = Served(world, tmp_path, "--listen", "35963", "--image", image, cards=[image])
        served.wait_for_word("waiting for vpcd to connect to 127.0.0.1:35963 and 35964")
        world.start_pcscd()
        wait_until(lambda: len(world.readers()) == 2, "both readers are there")
        assert world.run(OPENSC_TOOL, "-r", "0", "-a").stdout == f"{ATR}\n"
        assert "2 tries left" in verify(world, WRONG).stderr
        # Nobody can use what is in the second one, and nobody waits for it either.
        second = world.run(PIV_TOOL, "-r", "Virtual PCD 00 01", "-a", "status")
        assert second.returncode != 0
        assert "2 tries left" not in verify(world, WRONG).stderr
        world.stop_pcscd()
        served.wait_for_word("is gone: waiting for it")
        world.start_pcscd()
        served.wait_for_word("the card is back")
        wait_until(lambda: len(world.readers()) == 2, "both readers are there again")
        world.stop_pcscd()
        assert served.stop() == 0
        assert tries_left(image) == 1


def test_a_vpcd_that_connects_to_us_gets_two_cards(tmp_path):
    with World(port=41000, reversed_to="127.0.0.1") as world:
        served = Served(world, tmp_path, "--listen", "127.0.0.1:41000", cards=["piv-staff", "piv-staff"])
        served.wait_for_word("waiting for vpcd")
        world.start_pcscd()
        world.wait_for_cards(2)
        for reader in ("0", "1"):
            assert world.run(OPENSC_TOOL, "-r", reader, "-a").stdout == f"{ATR}\n"
        world.stop_pcscd()
        assert served.stop() == 0


# --- refusals ----------------------------------------------------------------------------------------------------


def serve(*words):
    return subprocess.run([CARDRIG, "serve", *map(str, words)], capture_output=True, text=True, timeout=LIMIT)


@pytest.mark.parametrize("words, message", [
    ([], "--card"),
    (["--card", "no-such-profile"], "no-such-profile"),
    (["--card", "piv-staff", "--card", "piv-staff", "--card", "piv-staff"], "one or two"),
    (["--card", "piv-staff", "--vpcd", "host:port"], "'port' is no port"),
    (["--card", "piv-staff", "--card", "piv-staff", "--vpcd", "127.0.0.1:65535"], "65536"),
    (["--card", "piv-staff", "--vpcd", "1", "--listen", "2"], "exclude each other"),
    (["--card", "piv-staff", "--image", "a.card", "--image", "b.card"], "2 images for 1 cards"),
    (["--card", "piv-staff", "--image", "/nonexistent/a.card"], "/nonexistent"),
    (["--card", "piv-staff", "--image", "/"], "folder"),
    (["--card", "piv-staff", "--trace", "/nonexistent/trace"], "/nonexistent/trace"),
    (["--card", "piv-staff", "--seed", "seed"], "--seed"),
    (["--card", "piv-staff", "--bogus"], "--bogus"),
])
def test_a_wrong_request_gives_2_and_says_what_is_wrong(words, message):
    got = serve("--once", *words)
    assert got.returncode == 2
    assert message in got.stderr
    assert not got.stdout


def test_a_file_that_is_no_image_is_not_overwritten(tmp_path):
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear reader")
    got = serve("--card", "piv-staff", "--image", letter)
    assert got.returncode == 2 and "no card image" in got.stderr
    assert letter.read_text() == "Dear reader"


@pytest.mark.parametrize("damage", [lambda image: image[:-7], lambda image: image[:-7] + bytes(7),
                                    lambda image: b"", lambda image: b"cardrig card image 99\n"])
def test_a_broken_image_is_refused_and_left_as_it_is(image, damage):
    broken = damage(image.read_bytes())
    image.write_bytes(broken)
    got = serve("--card", image, "--image", image)
    assert got.returncode == 2 and str(image) in got.stderr
    assert image.read_bytes() == broken


def test_a_card_that_cannot_start_is_refused(image):
    """An image that is whole, of a card whose memory is not: as of a chip that was erased."""
    magic, configuration, digest, memory = image.read_bytes().split(b"\n", 3)
    erased = zlib.compress(b"\xff" * len(zlib.decompress(memory)))
    covered = configuration + b"\n" + erased
    digest = f"{hashlib.sha256(covered).hexdigest().upper()} {len(erased)}".encode()
    image.write_bytes(b"\n".join([magic, configuration, digest, erased]))
    got = serve("--card", image)
    assert got.returncode == 2 and "does not start" in got.stderr, got.stderr


def test_with_once_a_vpcd_that_is_not_there_gives_3(world, tmp_path):
    served = Served(world, tmp_path, "--once")
    assert served.process.wait(LIMIT) == 3
    assert "no vpcd at 127.0.0.1:35963: Connection refused" in served.said()


def test_with_once_the_end_of_vpcd_is_the_end(world, tmp_path, image):
    world.start_pcscd()
    wait_until(lambda: len(world.readers()) == 2, "vpcd listens")
    served = Served(world, tmp_path, "--once", "--image", image, cards=[image])
    world.wait_for_cards()
    verify(world, WRONG)
    world.stop_pcscd()
    assert served.process.wait(LIMIT) == 0
    assert tries_left(image) == 2


def test_a_host_that_nobody_knows_is_told(world):
    # Where there is no network to ask; RFC 2606, 2: there never is such a host.
    got = world.run(CARDRIG, "serve", "--once", "--card", "piv-staff", "--vpcd", "no-such-host.invalid")
    assert got.returncode == 3
    assert "no-such-host.invalid:35963" in got.stderr


def test_a_port_that_is_taken_gives_3(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        got = serve("--card", "piv-staff", "--listen", port)
    assert got.returncode == 3
    assert f"cannot listen at 127.0.0.1:{port}" in got.stderr
