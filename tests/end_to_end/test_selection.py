"""What `cardrig run` would run, and with which client: names, matrices, shards, and scenarios that a client cannot do."""

import json
import os
import re
import subprocess
import xml.etree.ElementTree

import pytest

CARDRIG = os.environ["CARDRIG"]
MATRIX = """\
title: Rows
shows: Tries {tries}
matrix: {tries: [3, 2, 1]}
card: {profile: piv-staff, set: {passcode.tries-left: "{tries}"}}
client: {task: view}
expect: {exit: success, says: success, card: {passcode-tries: "{tries}"}}
"""
OTHER = """\
title: Renewal
shows: A task that not every client can
card: {profile: piv-staff}
client: {task: renew}
expect: {exit: success}
"""


@pytest.fixture(name="library")
def _library(tmp_path):
    clients = tmp_path / "scenarios" / "clients"
    clients.mkdir(parents=True)
    (tmp_path / "scenarios" / "rows.yaml").write_text(MATRIX)
    (tmp_path / "scenarios" / "renewal.yaml").write_text(OTHER)
    (clients / "cardrig-client.yaml").write_text(
        "commands: {view: [echo, fine, '{task}'], renew: [echo, '{task}']}\nwords: {success: '^fine view$'}\n")
    (clients / "viewer.yaml").write_text("commands: {view: [echo, seen]}\nwords: {success: seen}\n")
    (clients / "locker.yaml").write_text("commands: {unlock: [echo]}\n")
    return tmp_path


def run(library, *arguments, variables=None):
    return subprocess.run([CARDRIG, "run", *arguments], capture_output=True, text=True, timeout=120, check=False,
                          cwd=library, env={**os.environ, **(variables or {})})


def listed(library, *arguments, variables=None):
    result = run(library, "--list", *arguments, variables=variables)
    assert result.returncode == 0, result.stderr
    return [line.split(": ", 1)[1] for line in result.stdout.splitlines() if line.startswith("scenarios/")]


def test_shards_part_the_scenarios_whoever_says_which(library):
    whole = listed(library)
    assert sorted(whole) == ["Renewal", "Rows (tries=1)", "Rows (tries=2)", "Rows (tries=3)"]
    parts = [listed(library, "--shard", f"{number}/3") for number in (1, 2, 3)]
    assert sorted(sum(parts, [])) == sorted(whole)
    assert listed(library, "--shard", "auto", variables={"CI_NODE_INDEX": "2", "CI_NODE_TOTAL": "3"}) == parts[1]


@pytest.mark.parametrize("shard", ["4/3", "0/3", "x", "auto"])
def test_a_shard_that_is_none_is_status_2(library, shard):
    result = run(library, "--shard", shard)
    assert result.returncode == 2 and "--shard" in result.stderr and result.stdout == ""


def test_a_row_is_run_again_by_the_command_that_its_report_gives(library):
    text = (library / "scenarios/rows.yaml").read_text()
    (library / "scenarios/rows.yaml").write_text(text.replace("exit: success", "exit: 7"))
    result = run(library, "--variant", "tries=2", "--shard", "1/1")
    assert result.returncode == 1
    assert "0 of 1 scenarios passed" in result.stdout and "(shard 1 of 1)" in result.stdout
    again = re.search(r"cardrig run (\S+) --variant (\S+)$", result.stdout, re.MULTILINE)
    assert listed(library, again[1], "--variant", again[2]) == ["Rows (tries=2)"]


def test_what_a_client_cannot_do_is_not_run_and_no_pass(library):
    result = run(library, "--client", "viewer", "--json", "r.json", "--junit", "r.xml")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "3 of 3 scenarios passed, 1 not applicable" in result.stdout
    verdicts = {one["title"]: one["verdict"] for one in json.loads((library / "r.json").read_text())["scenarios"]}
    assert verdicts["Renewal"] == "not-applicable"
    suite = xml.etree.ElementTree.parse(library / "r.xml").getroot().find("testsuite")
    assert suite.get("skipped") == "1"
    assert "'renew'" in suite.find("testcase/skipped").get("message")


@pytest.mark.parametrize("client, word", [("locker", "none of 4"), ("viewr", "'viewer'"), ("no/such.yaml", "no/such.yaml")])
def test_a_client_that_is_none_is_status_2(library, client, word):
    result = run(library, "--client", client)
    assert result.returncode == 2 and word in result.stderr and result.stdout == ""


def test_a_command_line_is_told_the_task_and_its_words_are_not_compared(library):
    result = run(library, "--client", "sh -c 'test {task} = view'", "--filter", "Rows")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "3 of 3 scenarios passed" in result.stdout and "'says' and 'never-says'" in result.stdout
