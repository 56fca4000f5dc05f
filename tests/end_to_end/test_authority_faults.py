"""Faults at places of the authority, in a scenario: what its client meets, what is moved, and what the report says."""

import json
import subprocess

import pytest

from rig_processes import CARDRIG, KIND, LIMIT, need

need("curl", "curl")

CLIENT = """#!/bin/sh
for n in 1 2 3; do
    curl -sS --max-time "$PATIENCE" -o /dev/null -w "status %{http_code}\\n" --cacert "$CA" -H "Authorization: Bearer $TOKEN" \\
        -H 'Content-Type: application/json' -d '{}' "$URL/api/login/challenge"
    echo "curl $?"
done
"""
SCENARIO = """
title: Faults of the authority
shows: What its client meets.
cards: {holder: {profile: piv-staff}, other: {profile: piv-staff}}
client:
  command: ["{folder}/client"]
  environment: {TOKEN: "{authority-token}", URL: "{authority-url}", CA: "{authority-ca}", PATIENCE: "PATIENCE"}
  limit: 100 seconds
"""


@pytest.fixture
def run(tmp_path):
    client = tmp_path / "client"
    client.write_text(CLIENT)
    client.chmod(0o755)

    def run_scenario(text, patience=30):
        file = tmp_path / "scenario.yaml"
        file.write_text(SCENARIO.replace('"PATIENCE"', f'"{patience}"') + text)
        done = subprocess.run([CARDRIG, "run", "--reader", KIND, "--keep", tmp_path / "kept", file], capture_output=True,
                              text=True, timeout=2 * LIMIT)
        kept = list((tmp_path / "kept").glob("*/trace.jsonl"))
        events = [json.loads(line) for line in kept[0].read_text().splitlines()] if kept else []
        return done, events

    return run_scenario


def answers(events):
    return [event["status"] for event in events if event["kind"] == "authority"]


def test_the_client_meets_what_was_planned(run):
    done, events = run("""
fault:
  - {at: authority login-challenge after, do: drop}
  - {at: 'authority any #2 before', do: fail 502}
  - {at: 'authority login-challenge #3 after', do: truncate 5 bytes}
expect: {exit: success, output: ['curl (52|56)', 'status 502', 'curl 18']}
""")
    assert done.returncode == 0, done.stdout + done.stderr
    assert answers(events) == [0, 502, 200]


def test_cards_are_moved_while_it_is_asked(run):
    done, events = run("""
fault:
  - {at: authority login-challenge before, do: [remove, insert card other]}
  - {at: 'authority login-challenge #2 after', do: swap card holder}
expect: {exit: success, output: ['status 200']}
""")
    assert done.returncode == 0, done.stdout + done.stderr
    told = [(event["kind"], event.get("event"), event.get("card")) for event in events if event["kind"] in ("reader", "authority")]
    assert told == [("reader", "inserted", "holder"), ("reader", "removed", "holder"), ("reader", "inserted", "other"),
                    ("authority", None, None), ("reader", "removed", "other"), ("reader", "inserted", "holder"),
                    ("authority", None, None), ("authority", None, None)]


def test_the_client_is_killed_while_it_is_asked(run):
    done, events = run("""
fault: {at: 'authority login-challenge #2 before', do: kill-client}
expect: {exit: killed}
""")
    assert done.returncode == 0, done.stdout + done.stderr
    assert answers(events) == [200, 0]


def test_what_hangs_ends_with_the_client_and_what_did_not_happen_is_told(run):
    done, events = run("""
fault:
  - {at: 'authority login-challenge #3 before', do: hang}
  - {at: authority logout before, do: refuse}
expect: {exit: success, output: ['curl 28']}
""", patience=5)
    assert done.returncode == 1
    assert "refuse at authority logout" in done.stdout
    assert answers(events) == [200, 200, 0]


def test_a_move_that_makes_no_sense_is_told(run):
    done, _ = run("""
fault: {at: authority login-challenge before, do: insert card holder}
expect: {exit: success}
""")
    assert done.returncode == 1 and "could not be done" in done.stdout, done.stdout


def test_token_and_codes_are_shown_nowhere(run, tmp_path):
    done, events = run("""
then:
  - run:
      client:
        command: [sh, -c, 'echo "$TOKEN $CODE $OTHER"']
        environment: {TOKEN: "{authority-token}", CODE: "{unlock-code}", OTHER: "{unlock-code-other}"}
      expect: {exit: success, output: ['^[^0-9A-F]*$']}
expect: {exit: success}
""")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [event["line"] for event in events if event["kind"] == "client"]
    assert lines and not any(character.isdigit() for character in lines[-1]), lines[-1]
