"""Clients that are wrong on purpose are found by a sweep, each by the promise that it breaks; careful ones are not."""

import re

import pytest

from sweep_defects import FOUND, NOT_BY_INTERRUPTING
from sweep_session import SOURCES, broken_at, outcomes, report_in, sweep
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


@pytest.mark.parametrize("word", FOUND)
def test_a_planted_defect_is_found_by_the_promise_that_it_breaks(tmp_path, word):
    defect = FOUND[word]
    result, report = tried(tmp_path, word, defect)
    assert outcomes(report) == {defect.place: defect.outcome}, result.stdout
    assert result.returncode == (1 if defect.outcome == "violation" else 0), result.stdout
    assert defect.invariant in broken_at(report, defect.place), result.stdout


@pytest.mark.parametrize("word", FOUND)
def test_the_same_client_without_the_defect_does_not_break_it(tmp_path, word):
    defect = FOUND[word]
    result, report = tried(tmp_path, "", defect)
    assert outcomes(report)[defect.place] in ("clean", "window"), result.stdout
    assert defect.invariant not in broken_at(report, defect.place), result.stdout


def test_of_every_careless_word_it_is_known_whether_a_sweep_finds_it():
    assert set(FOUND) | set(NOT_BY_INTERRUPTING) == set(CARELESS)
    assert not set(FOUND) & set(NOT_BY_INTERRUPTING)
