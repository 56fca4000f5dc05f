"""A short sweep with each kind of reader: what befalls the card reaches the client, and comes out alike."""

import pytest

from rig_processes import KIND
from sweep_session import broken_at, outcomes, report_in, sweep, temporary


@pytest.fixture(name="report", scope="module")
def short_sweep(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kinds")
    result = sweep("--phases", "live", "--places", "generate-key-pair 9C after", "--models",
                   "cut-power,remove,unplug,kill-client,reset", "--json", folder / "sweep.json", env=temporary(folder))
    assert result.returncode == 0, result.stdout + result.stderr
    assert not list((folder / "tmp").iterdir())
    return report_in(folder / "sweep.json")


def test_every_interruption_after_the_key_is_a_window(report):
    found = outcomes(report)
    assert len(found) == 5
    for place, outcome in found.items():
        assert outcome == "window", (place, report)
        assert "I4" in broken_at(report, place)


def test_the_report_says_which_reader_it_was(report):
    assert report["subject"]["reader"] == KIND
