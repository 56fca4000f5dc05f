"""Clients that are wrong on purpose are found by a sweep, each by the promise that it breaks; careful ones are not."""

import re

import pytest

from sweep_defects import FOUND, NOT_BY_INTERRUPTING, NOTHING_TO_SWEEP, TOO_SLOW_TO_SWEEP
from sweep_session import SOURCES, outcomes, report_in, sweep
from test_careless import TABLE as CARELESS

CLIENTS = SOURCES / "scenarios/clients"


def description(folder, word):
    """Of the careless client; with a word, of the one that is careless in that way."""
    text = (CLIENTS / "careless-client.yaml").read_text()
    if word:
        text = re.sub(r"^(  [a-z-]+: \[.*)\]$", rf"\1, --careless, {word}]", text, flags=re.MULTILINE)
        assert text.count(word) >= 5
    path = folder / f"{word or 'careful'}.yaml"
    path.write_text(text)
    return path


def tried(folder, word, defect):
    path = folder / "one.json"
    result = sweep("--client", description(folder, word), "--replay", defect.place, "--json", path, scenario=defect.scenario)
    assert path.exists(), result.stdout + result.stderr
    return result, report_in(path)


def violated_at(report, place):
    """The promises that were broken at a place, and stayed broken."""
    outcome = next(one for one in report["places"] if one["place"] == place)
    return {promise["invariant"] for promise in outcome["broken"] if not promise["mended"]}


@pytest.mark.parametrize("word", FOUND)
def test_a_planted_defect_is_found_by_the_promise_that_it_breaks(tmp_path, word):
    defect = FOUND[word]
    result, report = tried(tmp_path, word, defect)
    assert outcomes(report) == {defect.place: "violation"}, result.stdout
    assert result.returncode == 1, result.stdout
    assert defect.invariant in violated_at(report, defect.place), result.stdout


@pytest.mark.parametrize("word", FOUND)
def test_the_same_client_without_the_defect_does_not_break_it(tmp_path, word):
    defect = FOUND[word]
    result, report = tried(tmp_path, "", defect)
    assert outcomes(report)[defect.place] in ("clean", "window"), result.stdout
    assert not violated_at(report, defect.place), result.stdout


def test_a_small_sweep_finds_by_itself_that_there_is_no_way_back(tmp_path):
    path = tmp_path / "sweep.json"
    result = sweep("--client", description(tmp_path, "has-no-way-back"), "--phases", "live", "--models", "cut-power",
                   "--places", "generate-key-pair|put-data", "--json", path)
    assert result.returncode == 1, result.stdout + result.stderr
    report = report_in(path)
    found = {place for place, outcome in outcomes(report).items() if outcome == "violation"}
    assert "live: generate-key-pair 9A after: cut-power" in found, result.stdout
    assert "live: generate-key-pair 9A before: cut-power" not in found, result.stdout
    assert all("I4" in violated_at(report, place) for place in found), result.stdout


@pytest.mark.parametrize("word", NOT_BY_INTERRUPTING)
def test_what_is_no_matter_of_interrupting_breaks_nothing_where_it_is_interrupted(tmp_path, word):
    harmless = NOT_BY_INTERRUPTING[word]
    result, report = tried(tmp_path, word, harmless)
    assert outcomes(report)[harmless.place] in ("clean", "window"), result.stdout
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("word", NOTHING_TO_SWEEP)
def test_where_the_undisturbed_run_is_of_another_card_nothing_is_swept(tmp_path, word):
    result = sweep("--client", description(tmp_path, word), "--list", "--phases", "live", "--models", "cut-power",
                   scenario=NOTHING_TO_SWEEP[word])
    assert result.returncode == 2, result.stdout + result.stderr
    assert "the undisturbed run does not end with status 0" in result.stderr


def test_of_every_careless_word_it_is_known_whether_a_sweep_finds_it():
    words = [*FOUND, *NOT_BY_INTERRUPTING, *NOTHING_TO_SWEEP, *TOO_SLOW_TO_SWEEP]
    assert sorted(words) == sorted(CARELESS)
