"""The benchmark programme runs, and gives all its figures: not how fast anything is, only that it is measured."""

import json
import math
import subprocess
from pathlib import Path

import pytest

from rig_processes import CARDRIG, need

need("pcscd", "pcscd")
need("openssl", "openssl")

BENCH = Path(CARDRIG).parent / "bench"

# part, name, whether it is held against a floor, whether something is aimed at
FIGURES = [
    ("in-process", "SELECT", False, True),
    ("in-process", "VERIFY without data", False, True),
    ("in-process", "GET DATA, discovery object", False, True),
    ("in-process", "GET DATA, 64-byte object", False, True),
    ("in-process", "SELECT in the rig, not traced", False, False),
    ("in-process", "SELECT in the rig, traced", False, False),
    ("round-trip", "SELECT", True, True),
    ("round-trip", "VERIFY", True, True),
    ("round-trip", "256-byte object", True, True),
    ("round-trip", "2,000-byte object, extended length", True, True),
    ("round-trip", "2,000-byte object, GET RESPONSE", True, True),
    ("signature", "RSA 2048 signature", True, True),
    ("signature", "P-256 signature", True, True),
    ("key-generation", "RSA 2048", True, True),
    ("key-generation", "RSA 3072", True, True),
    ("key-generation", "P-256", True, True),
    ("exec", "start to command's start, card image", True, True),
    ("exec", "start to command's start, profile", True, True),
    ("exec", "of that: cardrig itself", False, False),
    ("exec", "of that: reading a card image", False, False),
    ("exec", "of that: making a card from its profile", False, False),
    ("exec", "of that: namespaces, pcscd, readers there", False, False),
    ("exec", "of that: the same, and a card seen", False, False),
    ("exec", "of that: the client's process", False, False),
    ("serve", "start to first ATR, card image", True, True),
    ("serve", "start to first ATR, profile", True, True),
    ("serve", "resident memory", False, True),
    ("readers", "insertion until a waiting client is told", True, True),
    ("readers", "removal until a waiting client is told", True, True),
    ("readers", "round trip of an APDU", True, True),
    ("readers", "reset, SCardReconnect", True, False),
    ("readers", "start to a card that clients see", True, False),
    ("readers", "cardrig exec of opensc-tool -n", True, True),
    ("readers", "cardrig run of a renewal", True, True),
    ("readers", "of that: the rig itself", True, False),
    ("crash-images", "a place, 1 renewal long", True, False),
    ("crash-images", "with merging and memo", True, True),
    ("crash-images", "looked at, with merging and memo", True, False),
    ("crash-images", "looked at, without merging, with memo", True, True),
    ("crash-images", "looked at, without merging and memo", True, False),
    ("crash-images", "shadow, with merging and memo", True, False),
    ("crash-images", "no protection, with merging and memo", True, False),
]


@pytest.fixture(scope="module")
def brief_run(tmp_path_factory):
    file = tmp_path_factory.mktemp("bench") / "bench.json"
    run = subprocess.run([BENCH, "--brief", "--json", file], capture_output=True, text=True, timeout=240)
    assert run.returncode == 0, run.stderr
    return run.stdout, json.loads(file.read_text())


def test_all_figures_are_there_in_their_order(brief_run):
    _, result = brief_run
    assert [(each["part"], each["name"]) for each in result["figures"]] == [each[:2] for each in FIGURES]


def test_each_figure_says_what_was_measured_and_against_what(brief_run):
    _, result = brief_run
    for figure, (part, name, floor, aim) in zip(result["figures"], FIGURES):
        where = f"{part}: {name}"
        measured = figure["measured"]
        assert measured["n"] >= 1, where
        assert 0 < measured["min"] <= measured["median"] <= measured["max"], where
        assert figure["unit"], where
        assert ("floor" in figure, "aim" in figure, "met" in figure) == (floor, aim, aim), where
        if floor:
            assert figure["floor"]["value"] > 0 and figure["floor"]["against"], where
            assert math.isclose(figure["ratio"], measured["median"] / figure["floor"]["value"]), where
        if aim:
            value = figure["ratio"] if figure["aim"]["of"] == "ratio" else measured["median"]
            held = value <= figure["aim"]["value"]
            assert figure["met"] == (held if figure["aim"]["bound"] == "at most" else value >= figure["aim"]["value"])


def test_the_table_has_a_line_for_each_figure(brief_run):
    table, result = brief_run
    lines = table.splitlines()
    assert len(lines) == len(FIGURES) + 1
    for line, (part, name, _, _) in zip(lines[1:], FIGURES):
        assert line.startswith(part) and name in line


def test_the_machine_and_its_software_are_named(brief_run):
    _, result = brief_run
    assert result["brief"] is True
    for what in ("processor", "cores", "system", "compiler", "openssl"):
        assert result["machine"][what], what


def test_a_part_by_itself_gives_its_figures_alone(tmp_path):
    file = tmp_path / "bench.json"
    subprocess.run([BENCH, "--brief", "--json", file, "in-process"], check=True, capture_output=True, timeout=60)
    assert {each["part"] for each in json.loads(file.read_text())["figures"]} == {"in-process"}


def test_an_unknown_part_is_refused_by_name():
    run = subprocess.run([BENCH, "walking"], capture_output=True, text=True, timeout=60)
    assert run.returncode == 2
    assert "walking" in run.stderr
