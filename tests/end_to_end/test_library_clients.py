"""The library with other clients than its own, and how it is run: side by side or one after the other, with a seed."""

import json
import subprocess
from pathlib import Path

import pytest

from rig_processes import CARDRIG

LIBRARY = Path(__file__).resolve().parents[2] / "scenarios"
# Of the scenarios that name a task; the others run their own command line, whatever --client says of clients by name.
SOME = ["unlock", "change-passcode", "login"]


def verdicts(tmp_path, *arguments):
    path = tmp_path / "run.json"
    result = subprocess.run([CARDRIG, "run", *arguments, "--json", path], capture_output=True, text=True, timeout=280,
                            check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return {one["title"]: one["verdict"] for one in json.loads(path.read_text())["scenarios"]}


@pytest.mark.parametrize("client, at_least", [("python-client", 60), ("tool-client", 30)])
def test_the_library_holds_with_other_clients_where_it_applies(tmp_path, client, at_least):
    found = verdicts(tmp_path, LIBRARY, "--client", client)
    assert set(found.values()) == {"passed", "not-applicable"}
    assert list(found.values()).count("passed") >= at_least


def test_side_by_side_and_one_after_the_other_agree(tmp_path):
    folders = [LIBRARY / name for name in SOME]
    assert verdicts(tmp_path, *folders, "--jobs", "1") == verdicts(tmp_path, *folders, "--jobs", "4")


@pytest.mark.parametrize("name", ["self-renewal/in-window", "assisted-renewal/in-window", "unlock/right-code"])
def test_the_same_seed_gives_the_same_trace_twice(tmp_path, name):
    traces = [tmp_path / "first.jsonl", tmp_path / "second.jsonl"]
    for trace in traces:
        verdicts(tmp_path, LIBRARY / f"{name}.yaml", "--seed", "7", "--trace", trace)
    compared = subprocess.run([CARDRIG, "trace", "compare", *traces], capture_output=True, text=True, timeout=60,
                              check=False)
    assert compared.returncode == 0, compared.stdout + compared.stderr
    assert "the same" in compared.stdout
