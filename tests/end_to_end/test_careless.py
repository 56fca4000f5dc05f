"""Each way in which the careless client can be wrong is found by a scenario, and for what it is."""

import json
import re
import subprocess
from typing import NamedTuple

import pytest

from client_scenarios import CLIENTS, WILLING, library, run, told, write
from rig_processes import CARDRIG, KIND


class Case(NamedTuple):
    """A task, a scenario's body, and what of a careless run has to fall short, whatever else does; arguments of both."""
    task: str
    body: str
    shortfalls: set
    arguments: tuple = ()


COLLEAGUE = '''
    profile: piv-staff
    set: {holder.name: A Colleague, holder.number: "700000000002", passcode.value: "765432"}'''
AGENT = '''
    profile: piv-staff
    set:
      holder.name: The Agent
      holder.number: "700000000009"
      passcode.value: "246802"
      certificates.9A.expires: 300 days
      certificates.9C.expires: 300 days'''
HELPING = '''
  - {when: '^Passcode: $', types: "246802"}
  - {when: 'Holder \\(', types: "Test Holder"}
  - {when: 'Is this the holder', types: "yes"}
  - {when: "Holder's passcode: $", types: "123456", always: true}
  - {when: 'Put the card', types: ""}
'''

TABLE = {
    "ignores-dates": Case("renew", f'''
card: {{profile: piv-staff}}
person: {WILLING}
fault: {{at: authority certificate 9A before, do: past-dates}}
expect:
  exit: 1
  says: [bad-certificate]
  never-says: [success, done]
  card: {{authentication: {{certificate: unchanged}}, signature: {{certificate: unchanged, key: matches}}}}
  invariants: {{I4: window}}
then:
  - converge: {{within: 1, expect: {{says: [success]}}}}
''', {"says", "authentication certificate"}),
    "retries-passcode": Case("login", '''
card: {profile: piv-staff}
person: [{when: 'Passcode: $', types: "654321"}, {when: 'Passcode: $', types: "123456"}]
expect: {exit: success, says: [wrong-passcode, logged-in], trace: {failed-tries: 1}}
''', {"I11", "failed tries"}),
    "writes-unchecked": Case("renew", f'''
card: {{profile: piv-staff}}
person: {WILLING}
fault: {{at: authority certificate 9A before, do: wrong-key}}
expect:
  exit: 1
  says: [bad-certificate]
  card: {{authentication: {{certificate: unchanged}}, signature: {{certificate: unchanged, key: matches}}}}
  invariants: {{I4: window}}
then:
  - converge: {{within: 1, expect: {{says: [success]}}}}
''', {"says", "authentication certificate"}),
    "forgets-read-back": Case("renew", f'''
card: {{profile: piv-staff}}
person: {WILLING}
fault: {{at: "put-data authentication-certificate block 3 before", do: answer 9000}} # the last one
expect:
  exit: 1
  says: [writing, cannot]
  never-says: [done, success]
  card: {{signature: {{certificate: unchanged, key: matches}}}}
  invariants: {{I4: broken}}
''', {"exit status", "never says", "I8"}),
    "always-says-success": Case("renew", f'''
card: {{profile: piv-staff}}
person: {WILLING}
fault: {{at: authority renewal before, do: refuse}}
expect: {{exit: 7, says: [authority-problem], never-says: [success], card: unchanged}}
''', {"exit status", "never says", "I8"}),
    "takes-first-reader": Case("renew", f'''
cards:
  holder: {{profile: piv-staff}}
  colleague: {COLLEAGUE}
readers: [colleague, holder]
person: {WILLING}
expect:
  exit: success
  says: [success]
  card: {{authentication: {{certificate: renewed, key: matches}}, signature: {{certificate: renewed, key: matches}}}}
''', {"exit status", "authentication certificate", "I7"}, ("--reader", "{reader-2}")),
    "keeps-a-cache": Case("renew", f'''
card: {{profile: piv-staff}}
person: {WILLING}
expect: {{exit: success, says: [success], card: {{authentication: {{certificate: renewed, key: matches}}}}}}
then:
  - run: {{expect: {{exit: 3, says: [not-due], card: unchanged}}}}
''', {"exit status", "says"}),
    "never-looks-for-half-finished": Case("renew", f'''
card: {{profile: piv-staff}}
person: {WILLING}
fault: {{at: generate-key-pair 9C after, do: remove}}
expect:
  exit: 1
  never-says: [success]
  card: {{authentication: {{certificate: renewed, key: matches}}, signature: {{key: differs}}}}
  invariants: {{I4: window}}
then:
  - run: {{expect: {{exit: success, says: [finishing, success], card: {{signature: {{certificate: renewed, key: matches}}}}}}}}
''', {"exit status", "says", "signature certificate"}),
    "has-no-way-back": Case("renew", f'''
card: {{profile: piv-staff}}
person: {WILLING}
fault: {{at: generate-key-pair 9A after, do: remove}}
expect:
  exit: 1
  never-says: [success]
  card: {{authentication: {{certificate: unchanged, key: differs}}, signature: {{certificate: unchanged, key: matches}}}}
  invariants: {{I4: window}}
then:
  - run: {{expect: {{exit: success, says: [finishing, success], card: {{authentication: {{certificate: renewed, key: matches}}}}}}}}
''', {"exit status", "says", "authentication certificate", "I4"}),
    "verifies-before-knowing-whose-card": Case("renew", f'''
cards:
  holder: {{profile: piv-staff}}
  colleague: {COLLEAGUE}
readers: [holder]
person: [{{when: 'Passcode: $', does: [swap card colleague], types: "123456"}}]
expect: {{exit: 6, says: [wrong-card], card: unchanged}}
''', {"I7"}),
    "takes-any-card": Case("assist", f'''
cards:
  holder: {{profile: piv-staff}}
  agent: {AGENT}
  stranger: {{profile: piv-staff, set: {{holder.name: A Stranger, holder.number: "700000000003"}}}}
readers: [agent, stranger]
authority: {{roles: {{agent: [staff, agent]}}}}
person: {HELPING}
expect: {{exit: 6, says: [wrong-card], never-says: [success], card: unchanged}}
''', {"exit status", "says", "I7"}),
    "takes-any-device": Case("assist", f'''
cards:
  holder: {{profile: piv-staff}}
  old: {{profile: piv-staff, set: {{certificates.9A.expires: -3 days, certificates.9C.expires: -3 days}}}}
  agent: {AGENT}
readers: [agent, holder]
authority: {{roles: {{agent: [staff, agent]}}}}
person: {HELPING}
expect:
  exit: success
  says: [success]
  card: {{authentication: {{certificate: renewed, key: matches}}, signature: {{certificate: renewed, key: matches}}}}
''', {"exit status", "authentication certificate"}),
    "goes-on-without-agent": Case("assist", f'''
cards:
  holder: {{profile: piv-staff}}
  agent: {AGENT}
readers: [agent, holder]
authority: {{roles: {{agent: [staff, agent]}}}}
person: {HELPING}
fault: {{at: generate-key-pair 9C after card holder, do: remove reader 1}}
expect:
  exit: 6
  says: [logged-out]
  never-says: [success]
  card: {{signature: {{certificate: unchanged}}}}
  invariants: {{I4: window}}
then:
  - insert card agent reader 1
  - run: {{expect: {{exit: success, says: [success]}}}}
''', {"exit status", "never says"}),
    "polls": Case("login", '''
card: {profile: piv-staff}
person: [{when: 'Passcode: $', types: "123456"}]
expect: {exit: success, says: [logged-in], trace: {apdus: 200}}
''', {"I10"}),
    "no-time-out": Case("login", '''
card: {profile: piv-staff}
person: [{when: 'Passcode: $', types: "123456"}]
fault: [{at: authority login before, do: hang}, {at: "authority login #2 before", do: hang}]
expect: {exit: 7, says: [authority-problem], card: {passcode-tries: 3}}
''', {"I10"}, ("--patience", "2")),
}


# The scenario of the library that finds each word, and what of it has to fall short.
OF_THE_LIBRARY = {
    "ignores-dates": ("self-renewal/certificate-with-past-dates", {"says", "authentication certificate"}),
    "retries-passcode": ("self-renewal/wrong-then-right-passcode", {"I11", "failed tries"}),
    "writes-unchecked": ("self-renewal/certificate-for-wrong-key", {"says", "authentication certificate"}),
    "forgets-read-back": ("self-renewal/certificate-not-written", {"exit status", "never says", "I8"}),
    "always-says-success": ("self-renewal/authority-refuses", {"exit status", "never says", "I8"}),
    "takes-first-reader": ("self-renewal/two-cards-attached", {"exit status", "authentication certificate", "I7"}),
    "keeps-a-cache": ("self-renewal/run-again-after-success", {"exit status", "says"}),
    "never-looks-for-half-finished": ("self-renewal/removed-in-second-key-generation",
                                      {"exit status", "says", "signature certificate"}),
    "has-no-way-back": ("self-renewal/removed-between-key-and-certificate",
                        {"exit status", "says", "authentication certificate", "I4"}),
    "verifies-before-knowing-whose-card": ("self-renewal/other-card-put-in-at-the-passcode", {"I7"}),
    "takes-any-card": ("assisted-renewal/wrong-holder-in-second-reader", {"exit status", "says", "I7"}),
    "takes-any-device": ("assisted-renewal/old-device-on-record", {"exit status", "authentication certificate"}),
    "goes-on-without-agent": ("assisted-renewal/agent-card-removed", {"exit status", "never says"}),
    "polls": ("login/in-window", {"I10"}),
    "no-time-out": ("login/service-does-not-answer", {"I10"}),
}


@pytest.fixture(name="reports", scope="module")
def reports_of_all(tmp_path_factory):
    """Each scenario with python-client, with the careless one that is not, and with the one that is."""
    folder = tmp_path_factory.mktemp("careless")
    root = library(folder)
    for word, case in TABLE.items():
        # Each run has a home of its own; a cache that outlives it has to be where it stays.
        cache = {"XDG_CACHE_HOME": folder / "cache"}
        write(root, f"{word} python", "python-client", case.task, case.body, case.arguments)
        write(root, f"{word} careful", "careless-client", case.task, case.body, case.arguments)
        write(root, f"{word} careless", "careless-client", case.task, case.body,
              (*case.arguments, "--careless", word), cache)
    return run(root, folder)


def test_the_table_has_every_word():
    listed = subprocess.run([CLIENTS / "careless-client", "--careless", "no-such-word", "view"], capture_output=True,
                            text=True, timeout=60, check=False)
    assert listed.returncode == 2
    assert set(re.search(r"known are (.*)", listed.stderr).group(1).split(", ")) == set(TABLE)


@pytest.mark.parametrize("word", TABLE)
@pytest.mark.parametrize("client", ["python", "careful"])
def test_who_is_careful_passes(reports, word, client):
    report = reports[f"{word} {client}"]
    assert report["verdict"] == "passed", told(report)


@pytest.mark.parametrize("word", TABLE)
def test_who_is_careless_is_found_out(reports, word):
    report = reports[f"{word} careless"]
    assert report["verdict"] == "failed", told(report)
    # What follows a colon is what happened; which promise it was stands before.
    found = {shortfall["what"].split(":")[0] for shortfall in report["shortfalls"]}
    assert TABLE[word].shortfalls <= found, told(report)


def carelessly(folder, word):
    """A description of the careless client with this word."""
    text = (CLIENTS / "careless-client.yaml").read_text()
    path = folder / "careless.yaml"
    path.write_text(re.sub(r"^(  [a-z-]+: \[.*)\]$", rf"\1, --careless, {word}]", text, flags=re.MULTILINE))
    assert path.read_text().count(word) >= 5
    return path


@pytest.mark.parametrize("word", OF_THE_LIBRARY)
def test_the_library_finds_it_out(tmp_path, word):
    name, shortfalls = OF_THE_LIBRARY[word]
    client = carelessly(tmp_path, word)
    result = subprocess.run([CARDRIG, "run", "--reader", KIND, CLIENTS.parent / f"{name}.yaml", "--client", client, "--json",
                             tmp_path / "run.json"], capture_output=True, text=True, timeout=200, check=False)
    assert result.returncode == 1, result.stdout + result.stderr
    report, = json.loads((tmp_path / "run.json").read_text())["scenarios"]
    found = {shortfall["what"].split(":")[0] for shortfall in report["shortfalls"]}
    assert shortfalls <= found, told(report)


def test_the_library_finds_out_every_word():
    assert set(OF_THE_LIBRARY) == set(TABLE)
