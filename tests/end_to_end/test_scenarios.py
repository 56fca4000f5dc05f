"""The scenarios that come with it hold, whichever kind of reader they are run on."""

import json
import os
import subprocess
from pathlib import Path

from rig_processes import KIND

CARDRIG = os.environ["CARDRIG"]
LIBRARY = Path(__file__).resolve().parents[2] / "scenarios"


def test_every_scenario_of_the_library_holds(tmp_path):
    result = subprocess.run([CARDRIG, "run", "--reader", KIND, LIBRARY, "--json", tmp_path / "run.json"],
                            capture_output=True, text=True, timeout=280, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    reports = json.loads((tmp_path / "run.json").read_text())["scenarios"]
    # A file with a matrix is several.
    files = {path.resolve() for path in LIBRARY.rglob("*.yaml")} - {path.resolve() for path in LIBRARY.glob("clients/*.yaml")}
    assert {Path(report["file"]).resolve() for report in reports} == files
    # What is not shown as it was asked for is said, and only vpcd has anything to say.
    assert all(not report["notices"] for report in reports) == (KIND == "rig")
