"""`cardrig sweep`: the course of small sweeps, what they leave in files, and how they are ended, gone on with, parted."""

import signal
import subprocess
import xml.etree.ElementTree

import pytest

from rig_processes import CARDRIG, below, is_alive, mentioning, need, wait_until
from sweep_session import LIMIT, SCENARIO, SMALL, broken_at, outcomes, report_in, sweep, temporary, words

# Takes a single worker much longer than the first report of a part.
LONGER = ("--phases", "live", "--models", "cut-power", "--places", "put-data|general-authenticate")
CUT_AT_KEY = "live: generate-key-pair 9A after: cut-power"


@pytest.fixture(name="whole", scope="module")
def whole_sweep(tmp_path_factory):
    """One small sweep from its beginning to its end: what it said and its folder."""
    folder = tmp_path_factory.mktemp("whole")
    result = sweep(*SMALL, "--json", folder / "sweep.json", "--junit", folder / "sweep.xml", "--keep",
                   folder / "kept", env=temporary(folder))
    return result, folder


def test_every_place_that_was_asked_for_is_tried(whole):
    result, folder = whole
    assert result.returncode == 0, result.stdout + result.stderr
    found = outcomes(report_in(folder / "sweep.json"))
    live = {f"live: generate-key-pair 9A {moment}: {effect}" for moment in ("before", "after")
            for effect in ("cut-power", "kill-client")}
    live |= {f"live: authority renewal before: {effect}" for effect in ("drop", "kill-client")}
    assert live == {place for place in found if place.startswith("live: ")}
    memory = {f"memory: write #{number}: prefix {part}" for number in (60, 61, 62)
              for part in ("none", "one", "half", "all-but-one")}
    assert memory <= found.keys()
    assert any(place.startswith("recovery: ") for place in found)


def test_a_new_key_in_the_slot_of_the_old_is_a_window(whole):
    _, folder = whole
    report = report_in(folder / "sweep.json")
    assert outcomes(report)[CUT_AT_KEY] == "window"
    assert broken_at(report, CUT_AT_KEY) == {"I4"}
    assert outcomes(report)["live: generate-key-pair 9A before: cut-power"] == "clean"
    group = next(group for group in report["groups"] if group["first"] == CUT_AT_KEY)
    assert group["reproduced"] is True
    assert group["client_phase"] == "generating the key of 9A"
    assert any(line.startswith(">>>") for line in group["trace"]), group["trace"]
    assert f"--replay '{CUT_AT_KEY}'" in group["reproduce"]


def test_what_was_found_is_kept(whole):
    _, folder = whole
    report = report_in(folder / "sweep.json")
    assert report["groups"]
    for group in report["groups"]:
        kept = folder / "kept" / group["folder"].rsplit("/", 1)[1]
        names = {path.name for path in kept.iterdir()}
        assert "trace.jsonl" in names, names
        assert any(name.endswith(".card") for name in names), names
        for path in kept.iterdir():
            assert path.stat().st_mode & 0o077 == 0, path
        text = b"".join(path.read_bytes() for path in kept.iterdir() if path.suffix in (".txt", ".jsonl"))
        assert b"123456" not in text and b"313233343536" not in text.lower()
    shown = subprocess.run([CARDRIG, "trace", "show", kept / "trace.jsonl"], capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr


def test_the_text_has_a_map_and_the_numbers_and_no_colours(whole):
    result, _ = whole
    for part in ("81 commands", "cut-power after", "prefix half", "clean: every promise held", "I4", CUT_AT_KEY):
        assert part in result.stdout, part
    assert "\x1b" not in result.stdout + result.stderr
    assert not result.stderr


def test_junit_has_a_case_for_each_place(whole):
    _, folder = whole
    root = xml.etree.ElementTree.parse(folder / "sweep.xml").getroot()
    assert len(list(root.iter("testcase"))) == len(report_in(folder / "sweep.json")["places"])
    assert not list(root.iter("failure"))


def test_nothing_is_left_behind(whole):
    _, folder = whole
    assert not list((folder / "tmp").iterdir())
    assert not mentioning(str(folder / "tmp"))


def test_a_finding_is_replayed_alone(tmp_path):
    result = sweep("--replay", CUT_AT_KEY, "--keep", tmp_path / "kept", "--json", tmp_path / "one.json",
                   env=temporary(tmp_path))
    assert result.returncode == 0, result.stdout + result.stderr
    assert outcomes(report_in(tmp_path / "one.json")) == {CUT_AT_KEY: "window"}
    for part in (CUT_AT_KEY, "window", "I4", "generating the key of 9A", ">>>", "generate-key-pair 9A"):
        assert part in result.stdout, part
    assert (tmp_path / "kept" / "trace.jsonl").exists()
    assert not list((tmp_path / "tmp").iterdir())


@pytest.mark.parametrize("place", ["memory: write #60: prefix half", "recovery: write #60: prefix half"])
def test_a_cut_in_memory_is_replayed_alone(tmp_path, place):
    result = sweep("--replay", place, "--json", tmp_path / "one.json")
    found = outcomes(report_in(tmp_path / "one.json"))
    assert found.keys() == {place}
    # Without a client a place may be open; with one it is whole in the end.
    wanted = {"clean": 0, "open": 4} if place.startswith("memory") else {"clean": 0, "window": 0}
    assert found[place] in wanted, result.stdout + result.stderr
    assert result.returncode == wanted[found[place]], result.stdout + result.stderr
    assert place in result.stdout


def test_a_budget_that_is_over_says_what_was_not_reached(tmp_path):
    result = sweep("--phases", "live", "--models", "cut-power", "--budget", "2 s", "--json", tmp_path / "part.json")
    assert result.returncode == 4, result.stdout + result.stderr
    report = report_in(tmp_path / "part.json")
    assert len(report["places"]) + len(report["not_reached"]) == 2 * 81
    assert report["not_reached"]
    assert "not reached" in result.stdout
    # Then the rest, of which only a part is wanted here: another choice of places is another sweep.
    other = sweep("--phases", "live", "--models", "cut-power", "--places", "select", "--continue",
                  tmp_path / "part.json")
    assert other.returncode == 2
    assert "--places was nothing, and is 'select' now" in other.stderr


@pytest.fixture(name="longer", scope="module")
def longer_sweep(tmp_path_factory):
    """What comes of each place of one that takes longer."""
    path = tmp_path_factory.mktemp("longer") / "sweep.json"
    result = sweep(*LONGER, "--json", path)
    assert result.returncode == 0, result.stdout + result.stderr
    return outcomes(report_in(path))


@pytest.mark.parametrize("sign, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_sweep_that_was_ended_is_gone_on_with(longer, tmp_path, sign, status):
    path = tmp_path / "sweep.json"
    environment = temporary(tmp_path)
    with subprocess.Popen(["env", "--default-signal", *words(*LONGER, "--jobs", 1, "--json", path)], env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        wait_until(lambda: path.exists() and len(report_in(path)["places"]) > 0 or process.poll() is not None,
                   "a report of a part", LIMIT)
        parts = below(process.pid)
        process.send_signal(sign)
        out, error = process.communicate(timeout=LIMIT)
    assert process.returncode == status, out + error
    wait_until(lambda: not any(is_alive(pid) for pid in parts), "the workers have ended")
    wait_until(lambda: not list((tmp_path / "tmp").glob("cardrig-*")), "the rigs' folders are gone")
    part = report_in(path)
    assert part["not_reached"]
    if sign != signal.SIGKILL:
        assert f"--continue {path} goes on from here" in error
    rest = sweep(*LONGER, "--continue", path, env=environment)
    assert rest.returncode == 0, rest.stdout + rest.stderr
    assert outcomes(report_in(path)) == longer


def test_shards_with_gnu_parallel_are_the_whole(whole, tmp_path):
    parallel = need("parallel", "parallel")
    _, folder = whole
    command = " ".join(f"'{word}'" for word in words(*SMALL, "--jobs", 1))
    result = subprocess.run([parallel, "--will-cite", "--halt", "now,fail=1",
                             f"{command} --shard {{}}/2 --json {tmp_path}/{{}}.json", ":::", "1", "2"],
                            capture_output=True, text=True, timeout=LIMIT, check=False, env=temporary(tmp_path))
    assert result.returncode == 0, result.stdout + result.stderr
    assert "shard 2 of 2" in result.stdout
    parts = [tmp_path / f"{number}.json" for number in (1, 2)]
    assert all(report_in(part)["places"] for part in parts)
    merged = subprocess.run([CARDRIG, "merge", *parts, "--json", tmp_path / "all.json"], capture_output=True,
                            text=True, timeout=LIMIT, check=False)
    assert merged.returncode == 0, merged.stdout + merged.stderr
    assert outcomes(report_in(tmp_path / "all.json")) == outcomes(report_in(folder / "sweep.json"))


def test_a_listing_tries_nothing(tmp_path):
    result = sweep("--list", "--phases", "live", "--places", "put-data .* block 1", env=temporary(tmp_path))
    assert result.returncode == 0, result.stdout + result.stderr
    lines = [line for line in result.stdout.splitlines() if line.startswith("live: ")]
    assert len(lines) == 2 * 2 * 5  # two certificates, two moments, five effects
    assert "20 places of a run with 81 commands" in result.stdout


@pytest.mark.parametrize("arguments, said", [
    (["--phases", "memori"], "did you mean 'memory'?"),
    (["--models", "cut-powr"], "did you mean 'cut-power'?"),
    (["--places", "put-data ("], "--places:"),
    (["--budget", "ten"], "'10 minutes'"),
    (["--shard", "3/2"], "there is no shard 3 of 2"),
    (["--list", "--phases", "live", "--places", "zzz"], "no place for --phases 'live', --places 'zzz'"),
    (["--replay", "live: put-dat before: remove"], "did you mean 'put-data'?"),
    (["--replay", "live: put-data before: refuse"], "only the authority does that"),
    (["--replay", CUT_AT_KEY, "--shard", "1/2"], "--replay and --shard do not go together"),
    (["--replay", CUT_AT_KEY, "--places", "put-data"], "--places and --replay do not go together"),
    (["--list", "--json", "x.json"], "--json and --list do not go together"),
    (["--list", "--reruns", "3"], "--reruns and --list do not go together"),
    (["--continue", "/no/such/file"], "/no/such/file"),
    (["--client", "cardrig-clint"], "cardrig-clint"),
    (["--jsn", "x"], "did you mean '--json'?"),
    (["--reruns", "0"], "--reruns"),
    (["--seed", "-1"], "'-1' is no number from 0 on"),
    (["--json", "/no/such/folder/x.json"], "--json: cannot write"),
])
def test_words_that_are_wrong_are_refused(arguments, said):
    result = sweep(*arguments)
    assert result.returncode == 2, result.stdout + result.stderr
    assert said in result.stderr


def test_a_folder_and_a_matrix_are_no_scenario_of_a_sweep():
    folder = sweep(scenario=SCENARIO.parent)
    assert folder.returncode == 2 and "a sweep is of one scenario" in folder.stderr
    missing = sweep(scenario="no-such.yaml")
    assert missing.returncode == 2 and "no-such.yaml" in missing.stderr


def test_a_run_that_fails_undisturbed_is_refused_with_the_clients_last_words(tmp_path):
    result = sweep("--client", "sh -c 'echo the card is purple; exit 3'", env=temporary(tmp_path))
    assert result.returncode == 2, result.stdout + result.stderr
    assert "the card is purple" in result.stderr and "does not end with status 0" in result.stderr
    assert not list((tmp_path / "tmp").iterdir())
