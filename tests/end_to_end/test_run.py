"""`cardrig run` with small clients: what passes, what fails, what is refused, and what is left behind."""

import json
import os
import re
import signal
import subprocess
import xml.etree.ElementTree
from pathlib import Path

import pytest

from rig_processes import KIND, mentioning, read_line, reader_name

CARDRIG = os.environ["CARDRIG"]
SOURCES = Path(__file__).resolve().parents[2]

# A client in one line of shell: yubico-piv-tool checks the passcode that stands on its standard input.
VERIFY = 'read code; yubico-piv-tool -r "$CARDRIG_READER" -a verify-pin -P "$code" 2>&1'

SCENARIO = """\
title: {title}
shows: A small client.
card: {{profile: piv-staff{more}}}
client: {{command: [sh, -c, '{client}'], limit: 60 seconds}}
answers: ["{answer}"]
{fault}
expect:
  exit: {exit}
  output: '{output}'
  card: {{passcode-tries: {tries}, authentication: {{certificate: unchanged, key: [matches, unchanged]}}}}
{then}
"""


def write(folder, name, **changes):
    values = dict(title=name, client=VERIFY, answer="123456", fault="", exit="success",
                  output="Successfully verified PIN", tries=3, then="", more="")
    values.update(changes)
    path = folder / f"{name}.yaml"
    path.write_text(SCENARIO.format(**values))
    return path


def run(*arguments, **options):
    return subprocess.run([CARDRIG, "run", "--reader", KIND, *map(str, arguments)], capture_output=True, text=True,
                          timeout=120, check=False, **options)


def test_a_scenario_that_holds_passes(tmp_path):
    result = run(write(tmp_path, "right"))
    assert result.returncode == 0, result.stdout + result.stderr
    assert "1 of 1 scenarios passed" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_scenario_whose_expectation_is_wrong_fails_and_says_how(tmp_path):
    scenario = write(tmp_path, "wrong", answer="999999", exit="success")
    result = run(scenario)
    again = "--reader vpcd " if KIND == "vpcd" else ""
    assert result.returncode == 1
    for part in ("exit status", "expected  success (0)", "passcode tries", "there     2", "last APDUs",
                 "verify passcode", "63C2", "the client's last lines", "passcode tries: 3 -> 2",
                 f"cardrig run {again}{scenario}"):
        assert part in result.stdout, part


def test_reports_are_well_formed_and_hold_no_passcode(tmp_path):
    write(tmp_path, "right")
    write(tmp_path, "wrong", answer="867530")
    write(tmp_path, "control", client='printf "a\\033[31mb\\001\\n"', output="b", tries=1)
    # One secret is the beginning of another: the unblocking code begins with the passcode.
    write(tmp_path, "both", client="echo code 12345678", output="code 12345678",
          more=', set: {unblocking-code.value: "12345678"}')
    names = {name: tmp_path / name for name in ("junit.xml", "run.json", "run.jsonl")}
    result = run(tmp_path, "--junit", names["junit.xml"], "--json", names["run.json"], "--trace",
                 names["run.jsonl"], "--keep", tmp_path / "kept")
    assert result.returncode == 1, result.stdout + result.stderr
    suite = xml.etree.ElementTree.parse(names["junit.xml"]).getroot().find("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("4", "2", "0")
    verdicts = {one["title"]: one["verdict"] for one in json.loads(names["run.json"].read_text())["scenarios"]}
    assert verdicts == {"right": "passed", "wrong": "failed", "control": "failed", "both": "passed"}
    for line in names["run.jsonl"].read_text().splitlines():
        assert {"n", "t", "kind"} <= json.loads(line).keys()
    assert names["run.jsonl"].stat().st_mode & 0o777 == 0o600
    kept = [path for path in (tmp_path / "kept").rglob("*") if path.suffix in (".txt", ".jsonl")]
    assert len(kept) == 12
    for path in [*names.values(), *kept]:
        text = path.read_text()
        for passcode in ("867530", "383637353330", "123456", "313233343536"):
            assert passcode not in text, (path, passcode)
    assert "code ..\n" in (tmp_path / "kept" / str(tmp_path / "both").replace("/", "-") / "output.txt").read_text()
    shown = subprocess.run([CARDRIG, "trace", "show", names["run.jsonl"]], capture_output=True, text=True,
                           check=False)
    assert shown.returncode == 0 and "wrong, 2 tries left" in shown.stdout


@pytest.mark.parametrize("fault, tries", [
    ("verify passcode #1 before', do: remove", 3),
    ("verify passcode #1 after', do: cut-power", 2),
    ("verify passcode #1 write #1', do: cut-power lost-writes", 3),
])
def test_a_fault_strikes_and_the_client_can_be_run_again(tmp_path, fault, tries):
    # The tool asks for the number of tries first: its second VERIFY is the one with the passcode.
    path = write(tmp_path, "struck", answer="999999", fault=f"fault: {{at: '{fault}}}", exit="failure",
                 output="[Ff]ailed|[Ee]rror", tries=tries,
                 then='then: [reinsert, {run: {answers: ["123456"], expect: {exit: success, '
                      'card: {passcode-tries: 3}}}}]')
    result = run(path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_replaced_answer_reaches_the_client_and_not_the_card(tmp_path):
    path = write(tmp_path, "answered", fault="fault: {at: 'verify passcode #1 before', do: answer 63C1}",
                 exit="failure", output="1 tries left")
    result = run(path)
    assert result.returncode == 0, result.stdout + result.stderr


TWO_CARDS = """\
title: {title}
shows: Two cards.
cards:
  holder: {{profile: piv-staff}}
  agent: {{profile: piv-staff, set: {{passcode.value: "765432"}}}}
readers: {readers}
client: {{command: [sh, -c, '{client}'], limit: 60 seconds{control}}}
{fault}
expect:
  exit: {exit}
  {expect}
{then}
"""


def write_two(folder, name, client, **changes):
    values = dict(title=name, client=client, readers="[holder, agent]", fault="", exit="success", expect="", then="",
                  control="")
    values.update(changes)
    path = folder / f"{name}.yaml"
    path.write_text(TWO_CARDS.format(**values))
    return path


def verify(code, reader="CARDRIG_READER"):
    return f'yubico-piv-tool -r "${reader}" -a verify-pin -P {code} 2>&1'


def test_each_card_is_in_its_reader_and_each_reader_has_its_name(tmp_path):
    path = write_two(tmp_path, "named", f"{verify(765432, 'CARDRIG_READER_2')}; "
                                        f"{verify(123456)}; test \"$CARDRIG_READER_2\" = \"{{reader-2}}\"",
                     expect="card: unchanged")
    result = run(path, "--json", tmp_path / "run.json")
    assert result.returncode == 0, result.stdout + result.stderr
    report, = json.loads((tmp_path / "run.json").read_text())["scenarios"]
    assert report["reader"] == KIND and report["notices"] == []
    assert report["cards"] == [{"name": "holder", "difference": "none"}, {"name": "agent", "difference": "none"}]


def test_a_card_of_which_nothing_is_said_must_be_left_alone(tmp_path):
    wrong = write_two(tmp_path, "wrong-card", verify(999999, "CARDRIG_READER_2"), exit="failure")
    result = run(wrong, "--keep", tmp_path / "kept")
    assert result.returncode == 1
    for part in ("card agent: card", "expected  unchanged", "there     passcode tries: 3 -> 2",
                 "card holder, from the scenario's beginning to its end"):
        assert part in result.stdout, result.stdout
    kept, = (tmp_path / "kept").iterdir()
    assert {"start-holder.card", "start-agent.card", "end-holder.card", "end-agent.card"} <= {
        path.name for path in kept.iterdir()}
    for said in ("cards: {agent: any}", "cards: {agent: {passcode-tries: 2}}"):
        allowed = write_two(tmp_path, "allowed", verify(999999, "CARDRIG_READER_2"), exit="failure", expect=said)
        result = run(allowed)
        assert result.returncode == 0, result.stdout + result.stderr


def test_acts_move_cards_between_runs_and_stay_done(tmp_path):
    then = f"""\
then:
  - swap card agent
  - run: {{client: {{command: [sh, -c, '{verify(765432)}']}}, expect: {{exit: success}}}}
  - remove
  - run: {{expect: {{exit: failure}}}}
  - reinsert
  - run: {{expect: {{exit: success}}, client: {{command: [sh, -c, '{verify(123456)}']}}}}
"""
    path = write_two(tmp_path, "moved", verify(123456), readers="[holder]", then=then)
    result = run(path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_an_act_that_makes_no_sense_is_told_with_its_place(tmp_path):
    path = write_two(tmp_path, "twice", verify(123456), then="then: [insert card agent]")
    result = run(path)
    assert result.returncode == 2, result.stdout + result.stderr
    line = path.read_text().splitlines().index("then: [insert card agent]") + 1
    assert f"{path}:{line}:8" in result.stdout and "reader 1" in result.stdout


def test_several_effects_at_one_place_are_done_in_order(tmp_path):
    # vpcd shows the second card some time later.
    client = f"{verify(123456)}; until {verify(765432)} | grep -q Success; do :; done"
    path = write_two(tmp_path, "ordered", client, readers="[holder]",
                     fault="fault: {at: verify passcode before, do: [remove, insert card agent]}",
                     expect="cards: {agent: unchanged}")
    result = run(path, "--trace", tmp_path / "run.jsonl")
    assert result.returncode == 0, result.stdout + result.stderr
    events = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]
    moves = [(event["event"], event["card"]) for event in events if event["kind"] == "reader"]
    assert moves == [("inserted", "holder"), ("removed", "holder"), ("inserted", "agent")]
    used = {(event["card"], event["reader"]) for event in events if event["kind"] in ("apdu", "memory-write", "fault")}
    assert used == {("holder", 0), ("agent", 0)}  # one after the other, in the same reader
    shown = subprocess.run([CARDRIG, "trace", "show", tmp_path / "run.jsonl"], capture_output=True, text=True, check=True)
    assert " inserted, card agent\n" in shown.stdout and " card agent: verify passcode" in shown.stdout


def test_a_fault_that_cannot_be_done_fails_the_run_and_says_why(tmp_path):
    path = write_two(tmp_path, "undone", verify(123456), fault="fault: {at: verify passcode before, do: swap card agent}")
    result = run(path)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "'swap card agent' at verify passcode before could not be done: card agent is in reader 2" in result.stdout


def test_a_killed_client_is_told_from_one_that_ends(tmp_path):
    killed = "fault: {at: verify passcode after, do: kill-client}"
    client = f"{VERIFY}; exec tail -f {tmp_path}/killed.yaml"
    path = write(tmp_path, "killed", client=client, fault=killed, exit="killed", output=".*")
    path.write_text(path.read_text().replace("  output: '.*'\n", ""))
    result = run(path)
    assert result.returncode == 0, result.stdout + result.stderr
    unkilled = run(write(tmp_path, "unkilled", exit="killed"))
    assert unkilled.returncode == 1 and "expected  killed (ended by a signal)" in unkilled.stdout
    assert not mentioning(str(tmp_path))


@pytest.mark.parametrize("place", ["verify passcode before", 'output "now"'])
def test_what_a_killed_client_had_sent_reaches_no_card(tmp_path, place):
    client = f"yubico-piv-tool -r \"$CARDRIG_READER\" -a version; echo now; {VERIFY}; echo survived"
    path = write(tmp_path, "killed", client=client, answer="999999", fault=f"fault: {{at: '{place}', do: kill-client}}",
                 exit="killed", output="now", tries=3)
    for _ in range(3):
        result = run(path)
        assert result.returncode == 0, result.stdout + result.stderr


def test_a_home_lasts_for_a_scenario_and_no_longer(tmp_path):
    client = "ls -A $HOME $XDG_CACHE_HOME $TMPDIR; touch $HOME/mine $XDG_CACHE_HOME/mine $TMPDIR/temporary"
    again = "then: [{run: {expect: {exit: success, output: ['^mine$'], never: [temporary]}}}]"
    first = write(tmp_path, "first", client=client, output="cache", then=again)
    second = write(tmp_path, "second", client=client, output="cache", then=again)
    for path in (first, second):
        path.write_text(path.read_text().replace("  output: 'cache'\n", "  never: [mine]\n"))
    result = run(first, second)
    assert result.returncode == 0, result.stdout + result.stderr


def test_what_is_wrong_with_a_card_is_told_with_its_place(tmp_path):
    path = write(tmp_path, "wrong")
    path.write_text(re.sub(r"profile: piv-staff", "profile: piv-staff, set: {certificates.9A.expiers: 30 days}",
                           path.read_text()))
    result = run(path)
    assert result.returncode == 2
    assert re.search(rf"{path}:\d+:\d+: override certificates.9A.expiers: ", result.stderr), result.stderr


def test_what_vpcd_cannot_show_is_relaxed_and_said(tmp_path):
    path = write(tmp_path, "cut", fault="fault: {at: verify passcode before, do: cut-power}", exit="failure",
                 output="[Ff]ailed|[Ee]rror",
                 then="then: [run: {card-in: as-it-is, expect: {exit: success, card: {passcode-tries: 3}}}]")
    result = run(path, "--json", tmp_path / "run.json", "--junit", tmp_path / "junit.xml")
    assert result.returncode == 0, result.stdout + result.stderr
    report, = json.loads((tmp_path / "run.json").read_text())["scenarios"]
    properties = [(one.get("name"), one.get("value"))
                  for one in xml.etree.ElementTree.parse(tmp_path / "junit.xml").getroot().iter("property")]
    assert properties[0] == ("reader", KIND)
    notices = [value for name, value in properties if name == "notice"]
    assert notices == report["notices"]
    if KIND == "rig":
        assert notices == []
    else:
        assert any("without power" in notice for notice in notices)
        assert all(f"notice: {notice}" in result.stdout for notice in notices)


def test_more_readers_than_there_can_be_are_refused_before_anything_runs(tmp_path):
    listing = 'opensc-tool -l; test "$(opensc-tool -l | grep -c "Vendor")" = 1'
    path = write_two(tmp_path, "many", listing,
                     readers="[holder, agent, {name: Vendor, card: empty}]")
    result = run(path)
    if KIND == "rig":
        assert result.returncode == 0, result.stdout + result.stderr
        return
    assert result.returncode == 2
    assert re.search(rf"{path}:\d+:\d+: readers: 3 readers", result.stderr) and result.stdout == ""


def test_a_command_that_is_held_up_ends_with_its_client(tmp_path):
    path = write(tmp_path, "late", fault="fault: {at: verify passcode before, do: delay 50 s}", exit="failure")
    path.write_text(path.read_text().replace("60 seconds", "1 seconds").replace("  output: 'Successfully verified PIN'\n", ""))
    result = run(path, "--json", tmp_path / "run.json", "--trace", tmp_path / "run.jsonl")
    assert "after its limit of 1 seconds" in result.stdout, result.stdout + result.stderr
    report, = json.loads((tmp_path / "run.json").read_text())["scenarios"]
    assert report["seconds"] < 40
    events = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]
    held, = [event for event in events if event["kind"] == "apdu" and event["text"] == "verify passcode"]
    assert held["delivered"] is False and "response" not in held


def test_power_that_another_card_loses_moves_nothing_of_the_first(tmp_path):
    then = "then: [cut-power, run: {card-in: true, expect: {exit: success}}]"
    path = write_two(tmp_path, "other", verify(123456, "CARDRIG_READER_2"), readers="[agent, holder]", then=then)
    result = run(path, "--trace", tmp_path / "run.jsonl")
    assert result.returncode == 0, result.stdout + result.stderr
    events = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]
    moves = [(event["event"], event["reader"]) for event in events
             if event["kind"] == "reader" and event["card"] == "holder"]
    assert moves == [("inserted", 1)]


def test_a_card_whose_power_was_cut_is_put_in_anew_unless_it_is_to_stay(tmp_path):
    cut = "fault: {at: verify passcode before, do: cut-power}"
    for card_in, moved in (("true", True), ("as-it-is", False)):
        then = f"then: [run: {{card-in: {card_in}, expect: {{exit: success}}}}]"
        path = write(tmp_path, card_in, fault=cut, exit="failure", then=then)
        path.write_text(path.read_text().replace("  output: 'Successfully verified PIN'\n", "", 1))
        result = run(path, "--trace", tmp_path / "run.jsonl")
        assert result.returncode == 0, result.stdout + result.stderr
        events = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]
        moves = [event["event"] for event in events if event["kind"] == "reader"]
        # On vpcd it left by itself.
        anew = (["removed"] if moved else []) if KIND == "rig" else []
        assert moves in (["inserted", *anew, "inserted"], ["inserted"]), (card_in, moves)


def test_a_clients_own_socket_is_no_other_rigs(tmp_path):
    path = write(tmp_path, "inner", client='test -z "$CARDRIG_CONTROL" && ' + VERIFY)
    result = subprocess.run([CARDRIG, "exec", "--reader", KIND, "--control", "--card", "piv-staff", "--", CARDRIG, "run",
                             "--reader", KIND, path], capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_only_a_client_that_may_control_gets_the_socket(tmp_path):
    path = write_two(tmp_path, "controlled", 'test -S "$CARDRIG_CONTROL"', control=", control: true",
                     then="then: [run: {expect: {exit: failure}, client: "
                          "{command: [sh, -c, 'test -n \"$CARDRIG_CONTROL\"']}}]")
    result = run(path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_fault_that_never_happens_fails_the_run(tmp_path):
    result = run(write(tmp_path, "unstruck", fault="fault: {at: 'put-data #9 before', do: remove}"))
    assert result.returncode == 1
    assert "the client never got there" in result.stdout


def test_a_client_that_hangs_or_does_not_exist_fails(tmp_path):
    hanging = write(tmp_path, "hanging", client="echo here; exec tail -f /dev/null", output="here")
    hanging.write_text(hanging.read_text().replace("60 seconds", "1 seconds"))
    missing = write(tmp_path, "missing")
    missing.write_text(missing.read_text().replace("[sh, -c,", "[/none/such, -c,"))
    result = run(hanging, missing)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "after its limit of 1 seconds" in result.stdout
    assert "'/none/such' was not found" in result.stdout


def test_a_scenario_that_takes_too_long_is_incomplete_and_shows_what_was_seen(tmp_path):
    hanging = write(tmp_path, "hanging", client=f"{VERIFY}; echo here; exec tail -f /dev/null")
    result = run(hanging, "--timeout", "8", "--trace", tmp_path / "run.jsonl", "--keep", tmp_path / "kept")
    assert result.returncode == 4, result.stdout + result.stderr
    for part in ("timed-out", "it took longer than 8 seconds", "verify passcode", "here", "last APDUs"):
        assert part in result.stdout, part
    events = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]
    assert [event for event in events if event["kind"] == "client" and event["line"] == "here"]
    kept, = (tmp_path / "kept").iterdir()
    assert {path.name for path in kept.iterdir()} == {"start.card", "end.card", "output.txt", "report.txt",
                                                      "trace.jsonl"}
    assert "here" in (kept / "output.txt").read_text()
    assert not mentioning(str(tmp_path))


def test_a_client_that_leaves_processes_behind_has_failed(tmp_path):
    leaving = write(tmp_path, "leaving", client=f"tail -f {tmp_path}/leaving.yaml & {VERIFY}")
    result = run(leaving, "--json", tmp_path / "run.json", "--junit", tmp_path / "run.xml")
    assert result.returncode == 1, result.stdout + result.stderr
    assert "the client leaves processes behind" in result.stdout
    report, = json.loads((tmp_path / "run.json").read_text())["scenarios"]
    assert [one["what"] for one in report["shortfalls"]] == ["the client leaves processes behind"]
    failure, = xml.etree.ElementTree.parse(tmp_path / "run.xml").getroot().iter("failure")
    assert failure.get("message").startswith("the client leaves processes behind")
    assert not mentioning(str(tmp_path))


def test_what_the_person_never_came_to_is_told_where_something_did_not_hold(tmp_path):
    path = write(tmp_path, "patient", client=f'printf "Passcode: "; {VERIFY}')
    acts = """person:
  - {when: 'Passcode: $', types: "123456"}
  - {when: Never printed, types: "654321"}
"""
    path.write_text(path.read_text().replace('answers: ["123456"]\n', acts))
    never = f"the client never printed what the person waits for at {path}:7:5"
    result = run(path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert never not in result.stdout
    path.write_text(path.read_text().replace("passcode-tries: 3", "passcode-tries: 2"))
    result = run(path)
    assert result.returncode == 1 and never in result.stdout, result.stdout + result.stderr


FLOOD = """
from smartcard.System import readers
connection = readers()[0].createConnection()
connection.connect()
while True:
    connection.transmit([0, 0xA4, 4, 0, 0])
"""


def test_a_client_that_floods_the_card_is_ended_and_told(tmp_path):
    (tmp_path / "flood.py").write_text(FLOOD)
    path = write(tmp_path, "flood", client=f"exec /usr/bin/python3 {tmp_path}/flood.py")
    result = run(path, "--json", tmp_path / "run.json")
    assert result.returncode == 1, result.stdout + result.stderr
    report, = json.loads((tmp_path / "run.json").read_text())["scenarios"]
    assert report["shortfalls"][0]["what"] == "I10: the client floods the card"
    assert not mentioning(str(tmp_path))


@pytest.mark.parametrize("how, client, limit, what", [
    ("crash", f"{VERIFY}; kill -SEGV $$", 60, "the client crashes"),
    ("hang", f"{VERIFY}; exec tail -f /dev/null", 1, "I10: the client hangs"),
])
def test_how_a_client_went_wrong_comes_first(tmp_path, how, client, limit, what):
    path = write(tmp_path, how, client=client)
    path.write_text(path.read_text().replace("60 seconds", f"{limit} seconds"))
    result = run(path, "--json", tmp_path / "run.json")
    assert result.returncode == 1, result.stdout + result.stderr
    report, = json.loads((tmp_path / "run.json").read_text())["scenarios"]
    assert report["shortfalls"][0]["what"] == what
    assert "verify passcode" in " ".join(report["last_apdus"])


def test_the_trace_is_judged_and_a_shortfall_says_where(tmp_path):
    path = write(tmp_path, "traced")
    text = path.read_text()
    expect = "expect:\n"
    assert text.count(expect) == 1
    path.write_text(text.replace(expect, expect + "  trace: {holds: [verify passcode], never: [generate-key-pair], "
                                                  "failed-tries: 0}\n"))
    assert run(path).returncode == 0
    path.write_text(text.replace(expect, expect + "  trace: {holds: [generate-key-pair 9A], never: [verify], apdus: 1}\n"))
    result = run(path)
    assert result.returncode == 1, result.stdout + result.stderr
    for part in ("expected  'generate-key-pair 9A'", "expected  no 'verify'", ": verify passcode, answered 9000",
                 "I10: the client sends too many APDUs"):
        assert part in result.stdout, part


def test_a_rig_that_crashes_is_incomplete(tmp_path):
    # The client is a child of the rig's keeper, which is a child of the process that runs the scenario.
    crash = "read -r a b c d rest < /proc/$PPID/stat; echo here; kill -9 $d"
    path = write(tmp_path, "crash", client=crash)
    good = write(tmp_path, "good")
    result = run(path, good)
    assert result.returncode == 4, result.stdout + result.stderr
    assert "ended by signal 9" in result.stdout
    assert "1 of 2 scenarios passed" in result.stdout


def test_mistakes_in_files_are_told_before_anything_runs(tmp_path):
    marker = tmp_path / "ran"
    write(tmp_path, "a-good-one", client=f"touch {marker}", output=".")
    bad = write(tmp_path, "bad", exit="sucess")
    worse = write(tmp_path, "worse")
    worse.write_text(worse.read_text().replace("profile: piv-staff", "profile: piv-stuff"))
    result = run(tmp_path)
    assert result.returncode == 2
    assert f"{bad}:8:9" in result.stderr and "'success'" in result.stderr
    line = next(n for n, text in enumerate(worse.read_text().splitlines(), 1) if "piv-stuff" in text)
    assert re.search(rf"{worse}:{line}:\d+: .*piv-stuff", result.stderr)
    assert not marker.exists()


@pytest.mark.parametrize("arguments", [["/none/such"], ["--filter", "("], ["--filter", "(" * 2000 + ")" * 2000],
                                       ["--jobs", "0"], ["--nonsense"]])
def test_wrong_requests_are_status_2(tmp_path, arguments):
    (tmp_path / "scenarios").mkdir()
    write(tmp_path / "scenarios", "unrun", client="echo", output=".")
    result = run(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.strip()


@pytest.mark.parametrize("client, word", [("x {nope}", "'nope'"), ("x {reder}", "'reader'"), ("x {", "brace"),
                                          ("x 'y", "--client")])
def test_another_client_is_checked_before_anything_runs(tmp_path, client, word):
    result = run(write(tmp_path, "a"), write(tmp_path, "b"), "--client", client)
    assert result.returncode == 2
    assert result.stderr.count("--client") == 1 and word in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("option, place", [
    ("--junit", "none/such/x.xml"), ("--json", "a-file/x.json"), ("--trace", "."), ("--keep", "a-file/x"),
])
def test_places_that_cannot_be_written_are_told_before_anything_runs(tmp_path, option, place):
    marker = tmp_path / "ran"
    (tmp_path / "a-file").write_text("")
    path = write(tmp_path, "unrun", client=f"touch {marker}", output=".")
    result = run(path, option, place, "--json" if option == "--junit" else "--junit", "good", cwd=tmp_path)
    assert result.returncode == 2
    assert option in result.stderr and place in result.stderr
    assert not marker.exists()
    assert sorted(os.listdir(tmp_path)) == ["a-file", "unrun.yaml"]


def test_a_report_that_cannot_be_written_costs_no_other(tmp_path):
    # The client takes the folder away after the place was found good.
    path = write(tmp_path, "right", client=f"rmdir {tmp_path}/gone; {VERIFY}")
    (tmp_path / "gone").mkdir()
    result = run(path, "--junit", tmp_path / "gone/x.xml", "--json", tmp_path / "x.json")
    assert result.returncode == 2
    assert "gone/x.xml" in result.stderr and "1 of 1 scenarios passed" in result.stdout
    assert json.loads((tmp_path / "x.json").read_text())["scenarios"][0]["verdict"] == "passed"


@pytest.mark.parametrize("document", ["README.md", "scenarios/README.md"])
def test_the_scenarios_in_the_documents_run_and_pass(tmp_path, document):
    blocks = re.findall(r"^```yaml\n(.*?)^```$", (SOURCES / document).read_text(), re.DOTALL | re.MULTILINE)
    assert blocks
    library = tmp_path / "scenarios"
    library.mkdir()
    (library / "clients").symlink_to(SOURCES / "scenarios/clients")
    for number, block in enumerate(blocks):
        (library / f"{number}.yaml").write_text(block)
    result = run(library)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(blocks)} of {len(blocks)} scenarios passed" in result.stdout
    # Both show a window, which the second run closes.
    assert re.search(r"window: run 1: I4: .*, closed by run 2$", result.stdout, re.MULTILINE)


def test_the_example_of_the_language_is_a_shipped_scenario():
    text = (SOURCES / "scenarios/README.md").read_text()
    assert (SOURCES / "scenarios/tools/interrupted-while-writing-certificate.yaml").read_text() in text


def test_another_client_takes_the_place_of_the_scenarios_own(tmp_path):
    path = write(tmp_path, "other", client="exit 9", output=f"^mine {reader_name()}$")
    assert run(path).returncode == 1
    result = run(path, "--client", """sh -c 'echo mine "$1"' name {reader}""")
    assert result.returncode == 0, result.stdout + result.stderr


def test_ctrl_c_ends_everything(tmp_path):
    begun = tmp_path / "begun"
    path = write(tmp_path, "long", client=f"echo begun > {begun}; exec tail -f {tmp_path}/long.yaml")
    os.mkfifo(begun)
    with subprocess.Popen([CARDRIG, "run", "--reader", KIND, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as rig:
        with open(os.open(begun, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as fifo:
            assert read_line(fifo, "the client's beginning") == "begun"
        rig.send_signal(signal.SIGINT)
        _, errors = rig.communicate(timeout=60)
    assert rig.returncode == 130
    assert "interrupted" in errors
    assert not mentioning(str(tmp_path))
