"""A person in front of a client: on a terminal or through pipes, who reads, types and moves cards; and places of what the
client prints."""

import json
import os
import subprocess

from rig_processes import KIND

CARDRIG = os.environ["CARDRIG"]

SCENARIO = """\
title: {title}
shows: A small client and somebody in front of it.
card: {{profile: piv-staff}}
client: {{command: {command}, limit: {limit}}}
person: {person}
{fault}
expect:
  exit: {exit}
{said}  card: any
"""

ASKS = """\
import getpass, os, subprocess, sys
code = getpass.getpass('Passcode: ')
print('asked on a terminal' if sys.stdin.isatty() else 'asked through a pipe')
done = subprocess.run(['yubico-piv-tool', '-r', os.environ['CARDRIG_READER'], '-a', 'verify-pin', '-P', code],
                      capture_output=True, text=True)
print(done.stderr, done.stdout, 'it was', code)
"""


def run(folder, name, client, person, *options, output=(), never=(), exit="success", fault="", limit="60 seconds"):
    program = folder / f"{name}.py"
    program.write_text(client)
    said = "".join(f"  {key}: {json.dumps(list(lines))}\n" for key, lines in (("output", output), ("never", never)) if lines)
    path = folder / f"{name}.yaml"
    path.write_text(SCENARIO.format(title=name, command=json.dumps(["/usr/bin/python3", str(program)]),
                                    person=json.dumps(person), fault=fault, exit=exit, said=said, limit=limit))
    return subprocess.run([CARDRIG, "run", "--reader", KIND, *map(str, options), str(path)], capture_output=True,
                          text=True, timeout=120, check=False)


def trace_of(folder):
    return [json.loads(line) for path in folder.rglob("trace.jsonl") for line in path.read_text().splitlines()]


def test_a_passcode_is_typed_on_a_terminal_and_shown_nowhere(tmp_path):
    kept = tmp_path / "kept"
    result = run(tmp_path, "asks", ASKS, [{"when": "Passcode: $", "types": "123456"}], "--keep", kept,
                 output=["asked on a terminal", "Successfully verified PIN"])
    assert result.returncode == 0, result.stdout + result.stderr
    trace = trace_of(kept)
    person = [event for event in trace if event["kind"] == "person"]
    assert [(event["when"], event["types"]) for event in person] == [("Passcode: $", True)]
    question = [event["n"] for event in trace if event["kind"] == "client" and event["line"] == "Passcode: "]
    assert question and question[0] < person[0]["n"]
    for path in kept.rglob("*"):
        if path.is_file() and path.suffix != ".card":
            assert "123456" not in path.read_text(errors="replace"), path


def test_a_person_speaks_through_pipes_where_that_is_said(tmp_path):
    client = ASKS.replace("getpass.getpass('Passcode: ')", "input('Passcode: ')").replace("'it was', code", "'done'")
    result = run(tmp_path, "pipe", client, {"on": "pipe", "acts": [{"when": "Passcode: $", "types": "123456"}]},
                 output=["asked through a pipe", "Successfully verified PIN"])
    assert result.returncode == 0, result.stdout + result.stderr


def test_cards_are_moved_before_the_line_is_typed(tmp_path):
    client = ("import os, subprocess\n"
              "def there():\n"
              "    return subprocess.run(['opensc-tool', '--reader', os.environ['CARDRIG_READER'], '--atr'],\n"
              "                          capture_output=True).returncode == 0\n"
              "print('in' if there() else 'out')\n"
              "input('Take the card out: ')\n"
              "print('still in' if there() else 'now out')\n")
    result = run(tmp_path, "moves", client, [{"when": "Take the card out", "does": ["remove"], "types": ""}],
                 output=["^in$", "now out"])
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_client_that_nobody_answers_hangs_until_its_limit(tmp_path):
    result = run(tmp_path, "hangs", "input('Renew now? ')\ninput('Passcode: ')\n", [{"when": "Renew", "types": "yes"}],
                 limit="3 seconds")
    assert result.returncode == 1
    assert "limit of 3 seconds" in result.stdout


def test_what_cannot_be_done_fails_the_run(tmp_path):
    result = run(tmp_path, "twice", "input('Take it out: ')\n",
                 [{"when": "Take it out", "does": ["remove", "remove"], "types": ""}])
    assert result.returncode == 1
    assert "the person could not do 'remove': no card is in reader 1" in result.stdout


COMMANDS = """\
import os
from smartcard.System import readers
from smartcard.Exceptions import SmartcardException
card = next(reader for reader in readers() if reader.name == os.environ['CARDRIG_READER']).createConnection()
card.connect()
for n in range(1, 6):
    print('step', n, flush=True)
    try:
        card.transmit([0x00, 0xA4, 0x04, 0x00, 0x09, 0xA0, 0, 0, 3, 8, 0, 0, 0x10, 0, 0])
        print('answered', n, flush=True)
    except SmartcardException as error:
        print('failed', n, flush=True)
        break
"""


def test_a_line_takes_effect_before_the_next_command(tmp_path):
    for talk in ("terminal", "pipe"):
        result = run(tmp_path, f"line-{talk}", COMMANDS, {"on": talk, "acts": []},
                     fault="fault: {at: 'output \"step\" #3', do: remove}",
                     output=["answered 2", "failed 3"], never=["answered 3"])
        assert result.returncode == 0, result.stdout + result.stderr


def test_a_line_that_was_not_printed_fails_the_run(tmp_path):
    result = run(tmp_path, "never", "print('Writing')\n", {"acts": []},
                 fault="fault: {at: 'output \"Writing\" #2', do: remove}")
    assert result.returncode == 1
    assert 'output "Writing" #2' in result.stdout
