"""Clients that are wrong on purpose are found by a sweep, each by the promise that it breaks; careful ones are not."""

import re
from typing import NamedTuple

import pytest

from sweep_session import SOURCES, broken_at, outcomes, report_in, sweep

CLIENTS = SOURCES / "scenarios/clients"


class Defect(NamedTuple):
    """A careless client's word, the place that shows it, what comes of that place, and the promise that tells."""
    place: str
    outcome: str
    invariant: str


TABLE = {
    "has-no-way-back": Defect("live: generate-key-pair 9A after: cut-power", "violation", "I9"),
    "never-looks-for-half-finished": Defect("live: generate-key-pair 9C after: cut-power", "violation", "I9"),
    "ignores-dates": Defect("live: authority certificate 9A before: past-dates", "violation", "I2"),
    "writes-unchecked": Defect("live: authority certificate 9A before: wrong-key", "window", "I3"),
    "always-says-success": Defect("live: authority renewal before: refuse", "violation", "I8"),
}


def description(folder, word):
    """Of the careless client; with a word, of the one that is careless in that way."""
    text = (CLIENTS / "careless-client.yaml").read_text()
    if word:
        text = re.sub(r"^(  [a-z-]+: \[.*)\]$", rf"\1, --careless, {word}]", text, flags=re.MULTILINE)
        assert text.count(word) >= 5
    path = folder / f"{word or 'careful'}.yaml"
    path.write_text(text)
    return path


def tried(folder, word, place):
    path = folder / "one.json"
    result = sweep("--client", description(folder, word), "--replay", place, "--json", path)
    assert path.exists(), result.stdout + result.stderr
    return result, report_in(path)


@pytest.mark.parametrize("word", TABLE)
def test_a_planted_defect_is_found_by_the_promise_that_it_breaks(tmp_path, word):
    defect = TABLE[word]
    result, report = tried(tmp_path, word, defect.place)
    assert outcomes(report) == {defect.place: defect.outcome}, result.stdout
    assert result.returncode == (1 if defect.outcome == "violation" else 0), result.stdout
    assert defect.invariant in broken_at(report, defect.place), result.stdout


@pytest.mark.parametrize("word", TABLE)
def test_the_same_client_without_the_defect_does_not_break_it(tmp_path, word):
    defect = TABLE[word]
    result, report = tried(tmp_path, "", defect.place)
    assert outcomes(report)[defect.place] in ("clean", "window"), result.stdout
    assert defect.invariant not in broken_at(report, defect.place), result.stdout
