"""Scenarios that a test writes for clients of the library, and what came of them."""

import json
import subprocess
from pathlib import Path

from rig_processes import CARDRIG, KIND

CLIENTS = Path(__file__).resolve().parents[2] / "scenarios/clients"

# Who types the right passcode whenever it is asked for, and wants the renewal.
WILLING = '''[{when: '(Passcode|passcode): $', types: "123456", always: true}, {when: 'Renew now', types: "yes"}]'''


def library(folder):
    """A folder for scenarios, whose clients are those that come with cardrig."""
    root = Path(folder) / "scenarios"
    root.mkdir()
    (root / "clients").symlink_to(CLIENTS)
    return root


def write(root, title, client, task, body, arguments=(), environment=None):
    """One scenario: what it has of its own is `body`; the rest is who does what in it."""
    words = ", ".join(json.dumps(word) for word in arguments)
    variables = json.dumps({name: str(value) for name, value in (environment or {}).items()})
    text = f"""title: {json.dumps(title)}
shows: What {client} does.
client: {{use: {client}, task: {task}, arguments: [{words}], environment: {variables}, limit: 20 seconds}}
"""
    (root / f"{title.replace(' ', '-')}.yaml").write_text(text + body)


def run(root, folder, limit=280):
    """What came of all scenarios below a folder, by title."""
    path = Path(folder) / "run.json"
    result = subprocess.run([CARDRIG, "run", "--reader", KIND, root, "--json", path], capture_output=True, text=True,
                            timeout=limit, check=False)
    assert result.returncode in (0, 1), result.stdout + result.stderr
    return {report["title"]: report for report in json.loads(path.read_text())["scenarios"]}


def told(report):
    """A report for the message of a failed test."""
    return json.dumps({key: report[key] for key in ("verdict", "message", "shortfalls", "last_output", "reproduce")},
                      indent=1)
