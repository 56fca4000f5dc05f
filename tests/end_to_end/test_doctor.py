"""cardrig doctor: it tells what the host really offers, by trying it, and leaves nothing behind."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from pcscd_world import World
from rig_processes import CARDRIG, LIMIT, command_for_everybody, need, ordinary_user, wait_until

need("pcscd", "pcscd")

NEEDED = {"pcscd", "driver", "yubico-piv-tool", "openssl", "trial"}
NAMES = NEEDED | {"libpcsclite", "opensc-tool", "pkcs11-tool", "unshare", "pytest", "openssl-library", "engine-pkcs11",
                  "libfaketime", "user-namespace", "mount-namespace", "net-namespace", "pid-namespace", "run-folder",
                  "system-pcscd", "vpcd", "vpcd-ports", "usb", "key-cache", "trial-vpcd"}


def doctor(*words, prefix=(), **variables):
    return subprocess.run([*prefix, CARDRIG, "doctor", *words], capture_output=True, text=True, timeout=LIMIT,
                          env={**os.environ, **variables})


def checks(got):
    found = json.loads(got.stdout)
    assert found["ready"] == (got.returncode == 0), got.stdout
    return {check["name"]: check for check in found["checks"]}


def test_this_host_has_all_that_is_needed(tmp_path):
    got = doctor("--json", TMPDIR=str(tmp_path))
    assert got.returncode == 0, got.stdout + got.stderr
    found = checks(got)
    assert set(found) == NAMES
    assert {name for name, check in found.items() if check["needed"]} == NEEDED
    for trial in ("trial", "trial-vpcd"):
        assert re.fullmatch(r"ATR 3B8B0180F9A0000003080000100048 in \d+ ms.*", found[trial]["found"])
    assert re.fullmatch(r".*/pcscd \(pcsc-lite version \d+\.\d+.*\)", found["pcscd"]["found"])
    assert re.search(r"speaks protocol \d:\d$", found["libpcsclite"]["found"])
    for library in ("driver", "vpcd"):
        assert Path(found[library]["found"]).is_file()
    version = subprocess.check_output(["openssl", "version"], text=True)
    assert version.strip() in found["openssl"]["found"]
    assert re.fullmatch(r".*/opensc-tool \(OpenSC \d+\.\d+.*\)", found["opensc-tool"]["found"])
    assert not any(tmp_path.iterdir())


def test_the_text_says_the_same_as_the_json():
    lines = doctor().stdout.splitlines()
    told = {match[2]: match[1] for line in lines if (match := re.match(r"(ok|limited|missing) +(\S+) +\S", line))}
    assert told == {name: check["state"] for name, check in checks(doctor("--json")).items()}
    assert sum(line.startswith(" " * 26 + "for ") for line in lines) == len(told)
    assert lines[-1] == "All that `cardrig run` and `cardrig exec` need is there."
    assert "\x1b" not in "".join(lines)


def test_a_driver_that_pcscd_cannot_load_is_found_out(tmp_path):
    (tmp_path / "driver.so").write_text("no library")
    found = checks(doctor("--json", CARDRIG_IFD=str(tmp_path / "driver.so")))
    assert found["driver"]["state"] == "missing" and "cannot be loaded" in found["driver"]["found"]


@pytest.mark.parametrize("variable, name, advice", [("CARDRIG_PCSCD", "pcscd", "install the package pcscd"),
                                                    ("CARDRIG_IFD", "driver", "correct it, or unset it")])
def test_software_that_is_missing_is_named_with_what_to_do(variable, name, advice):
    got = doctor("--json", **{variable: "/nonexistent/file"})
    assert got.returncode == 3
    found = checks(got)
    assert {missing for missing in NEEDED if found[missing]["state"] == "missing"} == {name, "trial"}
    assert "/nonexistent/file" in found[name]["found"]
    text = doctor(**{variable: "/nonexistent/file"})
    assert text.returncode == 3
    assert advice in text.stdout
    assert text.stdout.splitlines()[-1] == "`cardrig run` and `cardrig exec` lack something that they need."


def test_vpcd_is_not_needed_and_named_with_its_package_where_it_is_missing():
    got = doctor("--json", CARDRIG_VPCD="/nonexistent/file")
    assert got.returncode == 0, got.stdout
    found = checks(got)
    assert {name for name, check in found.items() if check["state"] == "missing"} >= {"vpcd", "trial-vpcd"}
    assert found["vpcd"]["package"] == "vsmartcard-vpcd" and found["trial"]["state"] == "ok"


def test_a_tool_that_is_missing_is_named_with_its_package(tmp_path):
    (tmp_path / "openssl").symlink_to(need("openssl", "openssl"))
    got = doctor("--json", PATH=str(tmp_path))
    assert got.returncode == 3
    found = checks(got)
    assert {name for name in NEEDED if found[name]["state"] == "missing"} == {"yubico-piv-tool"}
    for name, package in (("yubico-piv-tool", "yubico-piv-tool"), ("opensc-tool", "opensc"), ("unshare", "util-linux")):
        assert (found[name]["state"], found[name]["package"]) == ("missing", package)
    assert "package" not in found["openssl"]


def test_a_daemon_that_is_there_and_does_not_work_is_found_out(tmp_path):
    daemon = tmp_path / "pcscd"
    daemon.write_text('#!/bin/sh\necho "these are my last words"\nexit 3\n')
    daemon.chmod(0o755)
    got = doctor("--json", CARDRIG_PCSCD=str(daemon))
    assert got.returncode == 3
    found = checks(got)
    assert found["pcscd"]["state"] == "ok"
    assert found["trial"]["state"] == "missing" and "these are my last words" in found["trial"]["found"]


def test_a_pcscd_that_runs_already_is_seen_and_left_alone():
    with World() as world:
        assert "free" in checks(world.run(CARDRIG, "doctor", "--json"))["vpcd-ports"]["found"]
        world.start_pcscd()
        wait_until(lambda: len(world.readers()) == 2, "the readers are there")
        found = checks(world.run(CARDRIG, "doctor", "--json"))
        assert found["system-pcscd"]["found"] == "one runs"
        assert found["vpcd-ports"]["found"].count("somebody listens") == 2
        assert len(world.readers()) == 2
        assert world.daemon.poll() is None


def test_a_card_that_is_served_is_left_in_peace_however_often():
    with World() as world:
        world.start_pcscd()
        world.start(CARDRIG, "serve", "--card", "piv-staff", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        world.wait_for_cards()
        for _ in range(3):
            found = checks(world.run(CARDRIG, "doctor", "--json"))
            assert found["vpcd-ports"]["found"].count("somebody listens") == 2
        world.wait_for_cards()


def test_an_ordinary_user_is_told_what_holds_for_him():
    with command_for_everybody() as command:
        got = subprocess.run([*ordinary_user(), command, "doctor", "--json"], capture_output=True, text=True,
                             timeout=LIMIT, cwd="/", env={**os.environ, "HOME": "/nonexistent"})
    found = checks(got)
    assert got.returncode == 0, got.stdout
    assert found["key-cache"]["state"] == "limited" and "/nonexistent" in found["key-cache"]["found"]


def test_namespaces_that_are_refused_are_told_and_the_trial_shows_what_that_means():
    got = doctor("--json", prefix=[need("unshare", "util-linux"), "-rm", "sh", "-c",
                                   "mount -t tmpfs none /run && echo 0 > /proc/sys/user/max_net_namespaces && exec \"$@\"",
                                   "sh"])
    found = checks(got)
    assert found["net-namespace"]["state"] == "limited" and "refused" in found["net-namespace"]["found"]
    assert found["mount-namespace"]["state"] == "ok"
    # Without it the daemon runs plainly, which is told, or is refused where it would do harm.
    assert found["trial"]["state"] in ("limited", "missing")
    assert len(found["trial"]["found"]) > 40


def test_a_signal_ends_it_while_it_waits_for_a_daemon_that_hangs(tmp_path):
    daemon, state = tmp_path / "pcscd", tmp_path / "state"
    daemon.write_text(f"#!/usr/bin/python3\nimport pathlib, signal\npathlib.Path('{state}').touch()\nsignal.pause()\n")
    daemon.chmod(0o755)
    with subprocess.Popen(["env", "--default-signal", CARDRIG, "doctor"], stdout=subprocess.DEVNULL,
                          env={**os.environ, "CARDRIG_PCSCD": str(daemon), "TMPDIR": str(tmp_path)}) as running:
        wait_until(state.exists, "the daemon hangs")
        running.terminate()
        assert running.wait(LIMIT) == 128 + signal.SIGTERM
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pcscd", "state"]


def test_a_word_too_many_is_refused():
    got = doctor("bogus")
    assert got.returncode == 2 and "bogus" in got.stderr and not got.stdout
