"""The long proofs of ci/stress, in short: they come to their verdicts, and would see what is lost or left."""

import subprocess
import sys
from pathlib import Path

import pytest

from rig_processes import CARDRIG, LIMIT, need, wait_until

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/stress"))
import killed_rigs  # noqa: E402

need("pcscd", "pcscd")
need("opensc-tool", "opensc")


def test_no_insertion_or_removal_is_lost():
    run = subprocess.run([Path(CARDRIG).parent / "stress_events", "300"], capture_output=True, text=True, timeout=200)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "in step: 300 insertions and 300 removals made, 600 states seen" in run.stdout
    assert "at full speed: 300 insertions and 300 removals made, 600 counted" in run.stdout
    assert run.stdout.endswith("events: none lost\n")


def test_killed_rigs_leave_nothing_behind():
    run = subprocess.run([sys.executable, ROOT / "tests/stress/killed_rigs.py", "20"], capture_output=True, text=True,
                         timeout=200)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "20 killed, 5 as soon as their folder was there" in run.stdout
    assert run.stdout.endswith("nothing left behind\n")


def test_control_what_a_rig_leaves_would_be_seen():
    world = killed_rigs.World()
    try:
        assert world.left() == []
        process = world.start(killed_rigs.CLIENT)
        assert killed_rigs.drain_first(process)
        for what in ("(pcscd)", "(tail)", "pcscd.comm"):  # setsid becomes tail at a moment of its own
            wait_until(lambda: any(what in each for each in world.left()), f"{what} is seen among what is there")
        process.kill()
        process.communicate(timeout=LIMIT)
        wait_until(lambda: not world.left(), "the rig has been cleaned up")
        (world.temporary / "cardrig-lock").touch()
        assert world.left() == [str(world.temporary / "cardrig-lock")]
    finally:
        world.remove()


@pytest.mark.parametrize("words", [["0"], ["ten"], ["1", "2", "3"]])
def test_wrong_counts_are_refused(words):
    run = subprocess.run([sys.executable, ROOT / "tests/stress/killed_rigs.py", *words], capture_output=True, text=True,
                         timeout=60)
    assert run.returncode == 2 and "usage" in run.stderr
