"""The control of all sweeps: a client that makes its keys beside the old ones and moves them into place comes through every
interruption with one window, which no order of commands avoids; and what its scenarios say is so wherever it is cut.

Memory and recovery phase are whole. Of the live phase, which has some 1,400 places, the test does each command that changes the
card and the requests for certificates, with some of what can happen there: all of it takes minutes, and is what `cardrig sweep`
does without --places and --models.
"""

import re

import pytest

from sweep_session import SOURCES, broken_at, outcomes, report_in, sweep

SCENARIO = SOURCES / "scenarios/retired-slots/in-window.yaml"
CHANGES = "put-data|generate-key-pair|move-key|delete-key|authority (certificate|renewal-done)"

# From the moment at which the first new certificate is whole until the second one is: two objects take two commands.
BETWEEN = ("put-data authentication-certificate block 3 after", "put-data signature-certificate block 1 before",
           "put-data signature-certificate block 1 after", "put-data signature-certificate block 2 before",
           "put-data signature-certificate block 2 after", "put-data signature-certificate block 3 before")
# After a reset the client goes on by itself.
ENDING = ("cut-power", "kill-client")
MODELS = ",".join((*ENDING, "reset", "drop"))


@pytest.fixture(name="images", scope="module")
def every_image_and_every_state(tmp_path_factory):
    path = tmp_path_factory.mktemp("images") / "sweep.json"
    result = sweep("--phases", "memory,recovery", "--json", path, scenario=SCENARIO)
    assert result.returncode == 0, result.stdout + result.stderr
    return report_in(path)


@pytest.fixture(name="live", scope="module")
def every_command_that_changes_the_card(tmp_path_factory):
    path = tmp_path_factory.mktemp("live") / "sweep.json"
    result = sweep("--phases", "live", "--places", CHANGES, "--models", MODELS, "--json", path, scenario=SCENARIO)
    assert result.returncode == 0, result.stdout + result.stderr
    return report_in(path)


def windows(report):
    found = outcomes(report)
    assert set(found.values()) <= {"clean", "window"}
    return {place for place, outcome in found.items() if outcome == "window"}


def test_every_write_was_cut_in_every_way(images):
    assert images["recorded"]["writes"] > 400
    tried = [place for place in outcomes(images) if place.startswith("memory: ")]
    models = {re.search(r"write #\d+: (.*)", place).group(1) for place in tried}
    assert len(tried) == images["recorded"]["writes"] * len(models)
    assert len(models) == 9


def test_of_all_states_that_a_cut_leaves_one_is_of_two_renewals(images):
    place, = windows(images)
    assert broken_at(images, place) == {"I3"}
    state = next(one for one in images["places"] if one["place"] == place)
    assert state["client_phase"] == "writing the certificate of 9A"
    assert state["runs"] == 1


def test_a_cut_while_it_runs_opens_that_window_and_no_other(live):
    assert windows(live) == {f"live: {place}: {effect}" for place in BETWEEN for effect in ENDING}
    assert all(broken_at(live, place) == {"I3"} for place in windows(live))


def test_one_more_run_is_enough_wherever_it_was_cut(live, images):
    assert max(place["runs"] for report in (live, images) for place in report["places"]) == 1


def test_each_command_that_changes_the_card_was_cut_before_and_after(live):
    tried = {place.removeprefix("live: ").rsplit(": ", 1)[0] for place in outcomes(live)}
    for command in ("put-data 5FFF60", "generate-key-pair 82", "generate-key-pair 83", "move-key 9A", "move-key 82",
                    "delete-key 9C", "move-key 83", "delete-key 84", "put-data retired-certificate-2 #2", "put-data 5FFF60 #4",
                    "authority certificate 9A", "authority renewal-done"):
        assert {f"{command} before", f"{command} after"} <= tried, sorted(tried)
