"""Scenarios at another date, with real timing, and clients that flood their card."""

import json
import os
import subprocess

from rig_processes import KIND

CARDRIG = os.environ["CARDRIG"]

SCENARIO = """\
title: {title}
shows: A small client at another date.
{head}
card: {{profile: piv-staff}}
client: {{command: {command}, limit: 60 seconds}}
{fault}
expect:
  exit: {exit}
{output}  card: any
{then}
"""


def run(folder, name, command, head="", output=(), exit="success", fault="", then=""):
    path = folder / f"{name}.yaml"
    path.write_text(SCENARIO.format(title=name, head=head, command=json.dumps(command), exit=exit, fault=fault,
                                    output=f"  output: {json.dumps(list(output))}\n" if output else "", then=then))
    return subprocess.run([CARDRIG, "run", "--reader", KIND, str(path)], capture_output=True, text=True, timeout=120,
                          check=False)


def test_a_client_sees_the_scenarios_date(tmp_path):
    result = run(tmp_path, "date", ["sh", "-c", "date -u +%Y-%m"], head='clock: "2030-05-01T12:00:00Z"',
                 output=["^2030-05$"])
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_clock_is_moved_between_runs(tmp_path):
    result = run(tmp_path, "moved", ["sh", "-c", "date -u +%Y"], head='clock: "2030-05-01T12:00:00Z"', output=["^2030$"],
                 then="then:\n- clock: 730 days\n- run: {expect: {exit: success, output: '^2032$', card: any}}")
    assert result.returncode == 0, result.stdout + result.stderr


WAITS = """\
import queue, subprocess, threading, time as clock
begin = clock.monotonic()
clock.sleep(0.2)
threading.Event().wait(0.2)
try:
    queue.Queue().get(timeout=0.2)
except queue.Empty:
    pass
try:
    subprocess.run(['sleep', '30'], timeout=0.2)
except subprocess.TimeoutExpired:
    pass
assert 0.8 <= clock.monotonic() - begin < 10
print('waited', clock.gmtime().tm_year)
"""


def test_waits_are_as_long_as_ever(tmp_path):
    program = tmp_path / "waits.py"
    program.write_text(WAITS)
    result = run(tmp_path, "waits", ["/usr/bin/python3", str(program)], head='clock: "2030-05-01T12:00:00Z"',
                 output=["waited 2030"])
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_client_that_is_killed_leaves_no_shared_memory(tmp_path):
    number = tmp_path / "number"
    client = "import os, sys; open(sys.argv[1], 'w').write(str(os.getpid())); os.kill(os.getpid(), 9)"
    result = run(tmp_path, "killed", ["/usr/bin/python3", "-c", client, str(number)], head="clock: 2 years", exit="killed")
    assert result.returncode == 0, result.stdout + result.stderr
    assert [name for name in os.listdir("/dev/shm") if name.endswith(f"_{number.read_text()}")] == []


GENERATE = ["sh", "-c", 'yubico-piv-tool -r "$CARDRIG_READER" -a generate -s 9a -A RSA2048 --key=$1 -o /dev/null 2>&1',
            "sh", "{management-key}"]


def test_power_is_cut_in_the_middle_of_a_wait(tmp_path):
    # Of a card's time making this key pair takes 7 seconds, and all that comes before it less than one.
    result = run(tmp_path, "card-time", GENERATE, head="timing: real", exit="failure",
                 fault="fault: {at: \"card-time 3 s\", do: cut-power}")
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_time_that_the_card_never_takes_fails_the_run(tmp_path):
    result = run(tmp_path, "no-time", ["true"], fault="fault: {at: \"card-time 3 s\", do: cut-power}")
    assert result.returncode == 1
    assert "card-time 3000 ms" in result.stdout


def test_a_client_that_floods_the_card_is_killed(tmp_path):
    program = tmp_path / "flood.py"
    program.write_text("import os\n"
                       "from smartcard.System import readers\n"
                       "card = next(r for r in readers() if r.name == os.environ['CARDRIG_READER']).createConnection()\n"
                       "card.connect()\n"
                       "while True:\n"
                       "    card.transmit([0x00, 0x20, 0x00, 0x80])\n")
    result = run(tmp_path, "much", ["/usr/bin/python3", str(program)], exit="killed")
    assert result.returncode == 1
    assert "the client floods the card" in result.stdout, result.stdout
