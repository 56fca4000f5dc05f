"""With a seed, a client and a card do the same again: `cardrig exec --seed --trace` and `cardrig trace compare`."""

import json
import os
import subprocess

import pytest
from rig_processes import CARDRIG, need, run_exec

MANAGEMENT_KEY = "010203040506070801020304050607080102030405060708"
YUBICO = ("yubico-piv-tool", "-r", "Virtual")


def exec_traced(folder, name, *command, seed="7"):
    """Runs a client with caches of its own and gives the path of the trace."""
    home = folder / f"home-{name}"
    home.mkdir()
    environment = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    trace = folder / f"{name}.jsonl"
    options = ["--trace", str(trace), *(["--seed", seed] if seed else [])]
    done = run_exec(*command, options=options, env=environment)
    assert done.returncode == 0, done.stderr
    return trace


def compare(*paths):
    return subprocess.run([CARDRIG, "trace", "compare", *map(str, paths)], capture_output=True, text=True,
                          timeout=60, check=False)


def answers(trace, text):
    """What the card answered to the commands of this meaning."""
    events = map(json.loads, trace.read_text().splitlines())
    return [event["response"] for event in events if event["kind"] == "apdu" and event["text"].startswith(text)]


@pytest.mark.parametrize("package, command", [
    ("opensc", ("opensc-tool", "--reader", "0", "--name")),
    ("opensc", ("pkcs15-tool", "--dump")),
    ("yubico-piv-tool", (*YUBICO, "-a", "status")),
    ("yubico-piv-tool", (*YUBICO, "-a", "verify-pin", "-P", "123456")),
    ("yubico-piv-tool", (*YUBICO, "-a", "generate", "-s", "9a", "-A", "ECCP256", f"-k{MANAGEMENT_KEY}")),
])
def test_a_client_takes_the_same_course_twice(tmp_path, package, command):
    need(command[0], package)
    first = exec_traced(tmp_path, "first", *command)
    second = exec_traced(tmp_path, "second", *command)
    done = compare(first, second)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split()[2]) > 3, done.stdout


def test_a_seed_decides_the_key_that_a_client_generates(tmp_path):
    need("yubico-piv-tool", "yubico-piv-tool")
    command = (*YUBICO, "-a", "generate", "-s", "9a", "-A", "ECCP256", f"-k{MANAGEMENT_KEY}")
    keys = [answers(exec_traced(tmp_path, name, *command, seed=seed), "generate-key-pair 9A")
            for name, seed in (("one", "7"), ("again", "7"), ("other", "8"), ("none", None))]
    assert len(keys[0]) == 1 and len(keys[0][0]) > 100
    assert keys[1] == keys[0]
    assert keys[2] != keys[0]
    assert keys[3] not in (keys[0], keys[2])


def test_another_course_is_told_with_its_first_difference(tmp_path):
    need("yubico-piv-tool", "yubico-piv-tool")
    right = exec_traced(tmp_path, "right", *YUBICO, "-a", "verify-pin", "-P", "123456")
    longer = exec_traced(tmp_path, "longer", *YUBICO, "-a", "verify-pin", "-P", "123456", "-a", "status")
    done = compare(right, longer)
    assert done.returncode == 1
    assert "of reader 0 differs" in done.stdout
    assert f"{right}: " in done.stdout and f"{longer}: event " in done.stdout
    assert compare(longer, right).returncode == 1


def test_a_wrong_request_is_status_2(tmp_path):
    trace = tmp_path / "a.jsonl"
    trace.write_text('{"n": 1, "t": 0, "kind": "note"}\n')
    torn = tmp_path / "torn.jsonl"
    torn.write_text('{"n": 1, "t"')
    assert compare(trace, trace).returncode == 0
    for wrong, message in (((trace,), "OTHER"), ((trace, tmp_path / "none"), "none"), ((trace, torn), "torn.jsonl:1")):
        done = compare(*wrong)
        assert done.returncode == 2
        assert message in done.stderr
        assert len(done.stderr.splitlines()) == 1
