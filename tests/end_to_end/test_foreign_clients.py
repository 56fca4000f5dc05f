"""The clients that are not the reference client: what each says, how it exits, and what becomes of the card."""

import json
import subprocess
from typing import NamedTuple

import pytest

from client_scenarios import CLIENTS, WILLING, library, run, told, write
from client_session import Session, new_card
from rig_processes import need, run_exec

PYTHON, CARELESS, TOOLS = "python-client", "careless-client", "tool-client"
ALL = (PYTHON, CARELESS, TOOLS)
OURS = (PYTHON, CARELESS)


class Case(NamedTuple):
    """A task, a scenario's body, and the clients that it is for; their arguments."""
    task: str
    body: str
    clients: tuple = ALL
    arguments: tuple = ()


DUE = "card: {profile: piv-staff}\n"
LATER = "card: {profile: piv-staff, set: {certificates.9A.expires: 300 days, certificates.9C.expires: 300 days}}\n"
EXPIRED = "card: {profile: piv-staff, set: {certificates.9A.expires: -3 days, certificates.9C.expires: -3 days}}\n"
LOCKED = "card: {profile: piv-staff, set: {passcode.tries-left: 0}}\n"
RENEWED = "{authentication: {certificate: renewed, key: matches}, signature: {certificate: renewed, key: matches}}"


def person(*acts):
    """Acts in order: a question, and what is typed."""
    return "person: [" + ", ".join(f"{{when: '{when}$', types: {json.dumps(types)}}}" for when, types in acts) + "]\n"


WANTS_IT = f"person: {WILLING}\n"
ONCE = person(("Passcode: ", "123456"))


def changing(old, new, again):
    return person(("Old passcode: ", old), ("New passcode: ", new), ("New passcode again: ", again))


def unlocking(code, new, again):
    return person(("Unlock code: ", code), ("New passcode: ", new), ("New passcode again: ", again))


CASES = {
    "login": Case("login", DUE + ONCE +
                  "expect: {exit: success, says: [logged-in, notice], card: unchanged}"),
    "login-out-of-the-window": Case("login", LATER + ONCE +
                                    "expect: {exit: success, says: [logged-in], never-says: [notice], card: unchanged}"),
    "login-expired": Case("login", EXPIRED + ONCE + "expect: {exit: 4, says: [expired, contact], card: unchanged}"),
    "login-locked": Case("login", LOCKED + ONCE + "expect: {exit: 5, says: [locked], card: unchanged}"),
    "login-refused": Case("login", DUE + ONCE + "fault: {at: authority login before, do: refuse}\n"
                          "expect: {exit: 7, says: [authority-problem], never-says: [logged-in]}"),
    "login-revoked": Case("login", DUE + ONCE + "authority: {revoked: [card]}\n"
                          "expect: {exit: 7, says: [authority-problem, contact], never-says: [logged-in]}"),
    "login-without-the-role": Case("login", DUE + ONCE + "expect: {exit: 7, says: [no-role]}", OURS,
                                   ("--role", "agent")),
    "login-cancelled": Case("login", DUE + person(("Passcode: ", "cancel")) +
                            "expect: {exit: 8, says: [cancelled], trace: {never: [verify passcode]}, card: unchanged}"),
    "login-wrong-then-right": Case("login", DUE + person(("Passcode: ", "654321"), ("Passcode: ", "123456")) +
                                   "expect: {exit: success, says: [wrong-passcode, logged-in], card: {passcode-tries: 3}}"),
    "login-until-locked": Case("login", DUE + person(*[("Passcode: ", f"65432{n}") for n in range(3)]) +
                               "expect: {exit: 5, says: [wrong-passcode, locked], card: {passcode-tries: 0}}"),
    "renew": Case("renew", DUE + WANTS_IT +
                  f"expect: {{exit: success, says: [pending, writing, done, success], card: {RENEWED}}}"),
    "renew-by-the-service": Case("renew", DUE + WANTS_IT + "expect:\n  exit: success\n  says: [logged-in, notice, success]\n"
                                 f"  card: {RENEWED}\n  authority: {{issued: 2, unused: 0}}\n  trace: {{apdus: 200}}", OURS),
    "renew-then-not-due": Case("renew", DUE + WANTS_IT + f"expect: {{exit: success, card: {RENEWED}}}\n"
                               "then: [{run: {expect: {exit: 3, says: [not-due], card: unchanged}}}]"),
    "renew-not-due": Case("renew", LATER + WANTS_IT + "expect: {exit: 3, says: [not-due], card: unchanged}"),
    "renew-expired": Case("renew", EXPIRED + WANTS_IT + "expect: {exit: 4, says: [expired, contact], card: unchanged}"),
    "renew-not-now": Case("renew", DUE + person(("Passcode: ", "123456"), (r"Renew now\? \[yes/no\] ", "no")) +
                          "expect: {exit: 8, says: [notice, cancelled], card: unchanged}", OURS),
    "renew-card-gone": Case("renew", DUE + WANTS_IT + "fault: {at: put-data authentication-certificate after, do: remove}\n"
                            "expect:\n  exit: 1\n  says: [card-problem]\n  never-says: [success, done]\n"
                            "  card: {authentication: {certificate: renewed, key: matches}}\n"
                            f"then: [{{run: {{expect: {{exit: success, says: [success], card: {RENEWED}}}}}}}]"),
    "renew-answer-lost": Case("renew", DUE + WANTS_IT + "fault: {at: authority certificate 9C after, do: drop}\n"
                              f"expect: {{exit: success, says: [success], card: {RENEWED}, authority: {{issued: 2}}}}", OURS),
    "renew-come-back-later": Case("renew", DUE + WANTS_IT + "fault: {at: authority certificate 9A before, do: later 1 s}\n"
                                  f"expect: {{exit: success, card: {RENEWED}}}", OURS),
    "renew-no-administrator-key": Case("renew", DUE + WANTS_IT + "fault: {at: authority management-key before, do: refuse}\n"
                                       "expect: {exit: 7, says: [admin-key], never-says: [success], card: unchanged}", OURS),
    "renew-logged-out": Case("renew", DUE + WANTS_IT + "fault: {at: authority renewal before, do: log-out}\n"
                             "expect: {exit: 7, says: [logged-out], card: unchanged}", OURS),
    "renew-too-large": Case("renew", DUE + WANTS_IT + "fault: {at: authority certificate 9A before, do: too-large}\n"
                            "expect:\n  exit: 1\n  says: [bad-certificate]\n  never-says: [writing]\n"
                            "  card: {authentication: {certificate: unchanged}}\n  invariants: {I4: broken}", OURS),
    "renew-wrong-holder": Case("renew", DUE + WANTS_IT + "fault: {at: authority certificate 9A before, do: wrong-holder}\n"
                               "expect:\n  exit: 1\n  says: [bad-certificate]\n  never-says: [writing]\n"
                               "  card: {authentication: {certificate: unchanged}}\n  invariants: {I4: broken}", OURS),
    "renew-done-unheard": Case("renew", DUE + WANTS_IT + "fault: {at: authority renewal-done before, do: fail 503}\n"
                               f"expect: {{exit: 7, says: [done], never-says: [success], card: {RENEWED}}}\n"
                               "then: [{run: {expect: {exit: success, says: [finishing, success]}}}]", OURS),
    "update-card": Case("update-card", DUE + WANTS_IT + "expect:\n  exit: success\n"
                        f"  says: [updates, pending, writing, done, success]\n  card: {RENEWED}", OURS),
    "update-card-nothing": Case("update-card", LATER + WANTS_IT + "expect: {exit: 3, says: [no-updates], card: unchanged}",
                                OURS),
    "update-card-cancelled": Case("update-card", DUE + person(("Passcode: ", "123456"), ("Passcode: ", "cancel")) +
                                  "expect: {exit: 8, says: [updates, cancelled], card: unchanged}", OURS),
    "update-card-with-errors": Case("update-card", DUE + WANTS_IT + "fault: {at: authority certificate 9C before, do: refuse}\n"
                                    "expect:\n  exit: 1\n  says: [done, with-errors]\n  never-says: [success]\n"
                                    "  card: {authentication: {certificate: renewed, key: matches}}\n"
                                    "  invariants: {I4: window}\n"
                                    "then: [{converge: {within: 1, expect: {says: [finishing, success]}}}]", OURS),
    "change": Case("change-passcode", DUE + changing("123456", "654321", "654321") +
                   'expect: {exit: success, says: [passcode-changed], card: {passcode: "654321", passcode-tries: 3}}'),
    "change-too-short": Case("change-passcode", DUE + changing("123456", "6543", "6543") +
                             "expect: {exit: 1, says: [bad-passcode], never-says: [passcode-changed], card: unchanged}"),
    "change-mismatch": Case("change-passcode", DUE + changing("123456", "654321", "654322") +
                            "expect: {exit: 1, says: [mismatch], never-says: [passcode-changed], card: unchanged}"),
    "change-wrong-old": Case("change-passcode", DUE + changing("123457", "654321", "654321") +
                             "expect:\n  exit: 1\n  says: [wrong-passcode]\n  never-says: [passcode-changed]\n"
                             '  card: {passcode: "123456", passcode-tries: 2}'),
    "unlock": Case("unlock", LOCKED + unlocking("{unlock-code}", "654321", "654321") +
                   'expect: {exit: success, says: [unlocked], card: {passcode: "654321", passcode-tries: 3}}'),
    "unlock-twice": Case("unlock", LOCKED + unlocking("{unlock-code}", "654321", "654321") +
                         "fault: {at: reset-retry-counter after, do: remove}\n"
                         'expect: {exit: 1, never-says: [unlocked], card: {passcode: "654321"}}\n'
                         'then: [{run: {expect: {exit: success, says: [unlocked], card: {passcode-tries: 3}}}}]'),
    "unlock-after-its-code-was-changed": Case(
        "unlock", LOCKED + unlocking("{unlock-code}", "654321", "654321") +
        "fault: {at: change-reference-data unblocking-code after, do: remove}\n"
        'expect: {exit: 1, never-says: [unlocked], card: {passcode: "654321"}}\n'
        'then: [{run: {expect: {exit: success, says: [unlocked], card: {passcode-tries: 3, unblocking-tries: 3}}}}]'),
    "unlock-wrong-code": Case("unlock", LOCKED + unlocking("00000000", "654321", "654321") +
                              "expect: {exit: 7, says: [wrong-code], never-says: [unlocked], card: unchanged}"),
    "unlock-late-code": Case("unlock", LOCKED + "authority: {unlock-code-age: 20 minutes}\n" +
                             unlocking("{unlock-code}", "654321", "654321") +
                             "expect: {exit: 7, says: [late-code], never-says: [unlocked], card: unchanged}"),
    "unlock-mismatch": Case("unlock", LOCKED + unlocking("{unlock-code}", "654321", "123456") +
                            "expect: {exit: 1, says: [mismatch], card: unchanged}"),
    "unlock-expired": Case("unlock", EXPIRED + unlocking("{unlock-code}", "654321", "654321") +
                           "expect: {exit: 4, says: [expired, contact], card: unchanged}"),
    "view": Case("view", DUE + "expect:\n  exit: success\n  output: ['Test Holder', '[Pp]asscode.*3']\n  card: unchanged"),
    "no-card": Case("view", DUE + "card-in: false\nexpect: {exit: 6, says: [no-card]}", OURS),
    "on-a-pipe": Case("login", DUE + "person: {on: pipe, acts: [{when: 'Passcode: $', types: \"123456\"}]}\n"
                      "expect: {exit: success, says: [logged-in]}"),
}


@pytest.fixture(name="reports", scope="module")
def reports_of_all(tmp_path_factory):
    for program, package in (("yubico-piv-tool", "yubico-piv-tool"), ("curl", "curl"), ("openssl", "openssl")):
        need(program, package)
    folder = tmp_path_factory.mktemp("foreign")
    root = library(folder)
    for name, case in CASES.items():
        for client in case.clients:
            write(root, f"{name} {client}", client, case.task, case.body, case.arguments)
    return run(root, folder)


@pytest.mark.parametrize("name, client", [(name, client) for name, case in CASES.items() for client in case.clients])
def test_what_a_client_says_and_does(reports, name, client):
    report = reports[f"{name} {client}"]
    assert report["verdict"] == "passed", told(report)


def test_a_passcode_is_not_shown_on_a_terminal(tmp_path):
    """Nor is the next one: each is typed as soon as its question can be read."""
    with Session([new_card(tmp_path / "card.image")], tmp_path) as session:
        passcode, following = "123456", "654321"
        for client in ALL:
            step = session.attempt(CLIENTS / client, "change-passcode", answers=[
                ("Old passcode: ", passcode), ("New passcode: ", following), ("New passcode again: ", following)])
            assert (step.status, "Success: passcode changed" in step.said) == (0, True), step
            assert passcode not in step.said and following not in step.said, step
            passcode, following = following, passcode


@pytest.mark.parametrize("client", ALL)
@pytest.mark.parametrize("words", [["no-such-task"], ["login", "--no-such-option"], ["login", "--authority", "ftp://x"]])
def test_wrong_words_have_a_status_of_their_own(client, words):
    got = subprocess.run([CLIENTS / client, *words], capture_output=True, text=True, timeout=60, check=False)
    assert got.returncode == 2, got
    assert client in got.stderr


@pytest.mark.parametrize("client", OURS)
def test_more_than_one_card(client):
    got = run_exec(str(CLIENTS / client), "view", cards=("piv-staff", "piv-staff"))
    assert (got.returncode, got.stdout) == (6, "Error: more than one smartcard is attached\n"), got
