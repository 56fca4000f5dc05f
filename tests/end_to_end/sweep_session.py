"""Sweeps as tests run them: the scenario, a few of its places, and what came of each."""

import json
import os
import subprocess
from pathlib import Path

from rig_processes import CARDRIG, KIND

SOURCES = Path(__file__).resolve().parents[2]
SCENARIO = SOURCES / "scenarios/self-renewal/in-window.yaml"
LIMIT = 240  # seconds, for a sweep of a few places on a busy host

# A key is made, and the certificate of it is written: few commands and writes, and a window among them.
SMALL = ("--places", "generate-key-pair 9A|authority renewal before|write #6[0-2]$",
         "--models", "prefix,cut-power,kill-client,drop")


def words(*arguments, scenario=SCENARIO):
    return [CARDRIG, "sweep", str(scenario), "--reader", KIND, *map(str, arguments)]


def sweep(*arguments, scenario=SCENARIO, **options):
    return subprocess.run(words(*arguments, scenario=scenario), capture_output=True, text=True, timeout=LIMIT,
                          check=False, **options)


def temporary(folder):
    """An environment whose temporary folder is an empty one below this: what is left behind is seen there."""
    path = Path(folder) / "tmp"
    path.mkdir(exist_ok=True)
    return {**os.environ, "TMPDIR": str(path)}


def report_in(path):
    return json.loads(Path(path).read_text())


def outcomes(report):
    """By the place's id, each once."""
    found = {place["place"]: place["outcome"] for place in report["places"]}
    assert len(found) == len(report["places"])
    return found


def broken_at(report, place):
    """The promises that were broken at a place."""
    outcome = next(one for one in report["places"] if one["place"] == place)
    return {promise["invariant"] for promise in outcome["broken"]}
