"""The JSON Schemas of scenarios and of clients say what cardrig reads: both take the same files, and refuse the same."""

import copy
import json
import os
import re
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml

CARDRIG = os.environ["CARDRIG"]
LIBRARY = Path(__file__).resolve().parents[2] / "scenarios"
SCENARIO_SCHEMA = json.loads((LIBRARY / "scenario.schema.json").read_text())
CLIENT_SCHEMA = json.loads((LIBRARY / "clients" / "client.schema.json").read_text())


class PlainLoader(yaml.SafeLoader):
    """Scalars as YAML 1.2 has them, and editors: `on` is a word, and a date is a text."""

    yaml_implicit_resolvers = {}


PlainLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))
PlainLoader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile("^-?(0|[1-9][0-9]*)$"), list("-0123456789"))
PlainLoader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile("^(~|null|)$"), ["~", "n", ""])


def plain(path):
    return yaml.load(path.read_text(), Loader=PlainLoader)  # noqa: S506 - derived from SafeLoader


def takes(schema, document):
    return jsonschema.Draft7Validator(schema).is_valid(document)


def refused_scenarios(folder, documents):
    """The documents' numbers that cardrig refuses, with what it says. Nothing is run: the filter matches none."""
    for number, document in enumerate(documents):
        (folder / f"{number}.yaml").write_text(json.dumps(document, ensure_ascii=False))
    result = subprocess.run([CARDRIG, "run", folder, "--filter", "^nothing has this title$"], capture_output=True,
                            text=True, timeout=120, check=False)
    assert result.returncode == 2, result.stdout + result.stderr
    found = {}
    for line in result.stderr.splitlines():
        place = re.match(r"(?:cardrig: )?" + re.escape(str(folder)) + r"/(\d+)\.yaml:(\d+):(\d+): ", line)
        if place:
            found[int(place[1])] = line
        else:
            assert "no scenario matches" in line, line
    return found


# Together they hold every key of the language.
BY_NAME = {
    "title": "A described client",
    "shows": "Every key that a scenario with a described client can have",
    "matrix": {"expires": ["30 days", "89 days"], "tries": [3, 2]},
    "clock": "2 years",
    "timing": "real",
    "needs": ["authority", "terminal"],
    "cards": {
        "holder": {"profile": "piv-staff", "set": {"certificates.9A.expires": "{expires}", "passcode.tries": 5}},
        "agent": {"profile": "piv-staff"},
        "old": {"profile": "piv-staff"},
        "stranger": {"profile": "piv-staff"},
    },
    "readers": ["holder", {"name": "Reader", "card": "agent"}, "empty"],
    "authority": {
        "roles": {"agent": ["staff", "agent"]},
        "revoked": ["old"],
        "unknown": ["stranger"],
        "unlock-code-age": "20 minutes",
        "window": "90 days",
        "lifetime": "2 years",
    },
    "client": {"use": "some-client", "task": "renew", "arguments": ["--role", "staff", "{task}"],
               "environment": {"NAME": "value"}, "limit": "60 seconds", "control": True},
    "person": {
        "on": "terminal",
        "acts": [
            {"when": "Passcode: $", "types": "123456"},
            {"when": "Take it out", "does": ["remove", "insert card old"], "types": "", "always": True},
        ],
    },
    "card-in": "as-it-is",
    "fault": [
        {"at": "authority certificate 9A after", "do": "drop"},
        {"at": "output \"Writing\" #2", "do": ["remove reader 1", "insert card holder reader 1"]},
        {"at": "card-time 5 s", "do": "cut-power"},
        {"at": "put-data signature-certificate #2 write #5", "do": "cut-power prefix half"},
    ],
    "expect": {
        "exit": "success",
        "says": ["success", "done"],
        "never-says": "cannot",
        "output": ["a+b"],
        "never": "c",
        "card": {
            "authentication": {"certificate": "renewed", "key": ["matches", "renewed"]},
            "signature": {"certificate": ["unchanged"]},
            "key-management": {"key": "absent"},
            "card-authentication": {"key": "absent"},
            "passcode-tries": "{tries}",
            "unblocking-tries": 3,
            "passcode": "123456",
            "compare": "run",
        },
        "cards": {"agent": "unchanged", "old": {"passcode-tries": 3, "invariants": {"I1": "holds"}}, "stranger": "any"},
        "trace": {
            "holds": ["generate-key-pair 9A", "authority certificate 9C"],
            "never": "verify card agent",
            "before": {"verify passcode": "generate-key-pair"},
            "failed-tries": 1,
            "apdus": 400,
            "time": "20 s",
        },
        "authority": {"issued": 2, "unused": 0},
    },
    "then": [
        "reinsert",
        "swap card agent",
        {"clock": "2 years"},
        {"run": {"client": {"task": "login"}, "person": [{"when": "Passcode", "types": "123456"}], "card-in": True,
                 "fault": {"at": "verify before", "do": "answer 6982"},
                 "expect": {"exit": 3, "invariants": {"I4": "window"}}}},
        {"run": {"answers": ["123456"], "expect": {"exit": "failure"}}},
        {"converge": {"within": 2, "client": {"task": "renew"}, "person": [{"when": "Passcode", "types": "123456"}],
                      "card-in": True, "expect": {"exit": "success", "never-says": ["cannot"]}}},
        {"converge": {"within": 2, "answers": ["123456"]}},
    ],
}
BY_COMMAND = {
    "title": "A command line",
    "shows": "Every key that a scenario with a command line can have",
    "card": {"profile": "piv-staff"},
    "client": {"command": ["sh", "-c", "{reader} {bin}"]},
    "answers": ["123456"],
    "expect": {"exit": 0, "invariants": {"I1": "holds", "I2": "holds", "I3": "holds", "I4": "holds", "I6": "holds",
                                         "I7": "holds", "I8": "holds", "I9": "holds", "I10": "holds", "I11": "holds"}},
}
# In these mappings keys are names that a scenario gives itself, or are checked against such names.
FREE = {"set", "environment", "cards", "roles", "before", "matrix"}


def walk(value, path=()):
    """Every value below, with the way to it."""
    yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in items:
        yield from walk(below, path + (key,))


def changed(document, path, value):
    """A copy with one value replaced; None: the key taken away."""
    copied = copy.deepcopy(document)
    at = copied
    for key in path[:-1]:
        at = at[key]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return copied


def schema_keys(schema):
    """Every key that a schema knows."""
    found = set()
    for _, part in walk(schema):
        if isinstance(part, dict) and isinstance(part.get("properties"), dict):
            found |= {key for key in part["properties"]}
    return found - {"definitions"}


def test_every_key_of_the_schema_is_in_a_file_that_both_take(tmp_path):
    documents = [BY_NAME, BY_COMMAND]
    used = {key for document in documents for _, part in walk(document) if isinstance(part, dict) for key in part}
    assert schema_keys(SCENARIO_SCHEMA) <= used
    for document in documents:
        jsonschema.Draft7Validator(SCENARIO_SCHEMA).validate(document)
    assert refused_scenarios(tmp_path, documents) == {}


def test_the_schemas_are_schemas():
    jsonschema.Draft7Validator.check_schema(SCENARIO_SCHEMA)
    jsonschema.Draft7Validator.check_schema(CLIENT_SCHEMA)


def test_an_unknown_key_is_refused_by_both_wherever_it_stands(tmp_path):
    documents = [changed(document, path + ("zzz",), "x")
                 for document in (BY_NAME, BY_COMMAND) for path, part in walk(document)
                 if isinstance(part, dict) and (not path or path[-1] not in FREE)]
    assert len(documents) > 30
    refused = refused_scenarios(tmp_path, documents)
    for number, document in enumerate(documents):
        assert number in refused, document
        assert "'zzz'" in refused[number]
        assert not takes(SCENARIO_SCHEMA, document), document


def test_a_key_that_is_missing_is_missed_by_both_or_by_none(tmp_path):
    documents, paths = [], []
    for whole in (BY_NAME, BY_COMMAND):
        for path, _ in walk(whole):
            if path and isinstance(path[-1], str):
                documents.append(changed(whole, path, None))
                paths.append(path)
    refused = refused_scenarios(tmp_path, documents)
    # What a schema cannot know: which cards and readers there are, and what is used where.
    def beyond_schemas(message):
        return re.search(r"is in no value of this file|'\{tries\}'|card '|reader \d|is unknown|no later run closes|one of the two",
                         message)
    for number, document in enumerate(documents):
        if number in refused and takes(SCENARIO_SCHEMA, document):
            assert beyond_schemas(refused[number]), (paths[number], refused[number])
        elif number not in refused:
            assert takes(SCENARIO_SCHEMA, document), paths[number]


BAD = [
    (("title",), ""), (("title",), ["a"]), (("shows",), ""), (("shows",), {}),
    (("matrix",), "x"), (("matrix",), {}), (("matrix", "expires"), []), (("matrix", "expires"), ["a", "a"]),
    (("matrix", "expires"), "30 days"), (("matrix", "expires"), ["{x}"]),
    (("clock",), "2 yeras"), (("clock",), "2030-05-01"), (("clock",), "2030-13-41T99:00:00Z"), (("clock",), 5),
    (("timing",), "fast"), (("needs",), ["authorty"]), (("needs",), ["authority", "authority"]),
    (("cards", "holder"), {}), (("cards", "holder"), "piv-staff"), (("cards",), {}), (("card",), {"profile": "piv-staff"}),
    (("cards", "holder", "set"), ["x"]), (("readers",), []), (("readers",), "holder"), (("readers", 1), {"name": "x"}),
    (("readers", 1, "name"), ""), (("readers", 1, "name"), 'a"b'),
    (("authority", "roles", "agent"), "clerk"), (("authority", "roles", "agent"), []),
    (("authority", "unlock-code-age"), "20"), (("authority", "window"), "0 days"), (("authority", "lifetime"), "-1 years"),
    (("authority", "revoked"), {}),
    (("client", "use"), "a/b"), (("client", "use"), "x.yaml"), (("client", "task"), "renw"),
    (("client", "arguments"), "--role"), (("client", "environment"), {"a b": "c"}), (("client", "environment"), ["x"]),
    (("client", "limit"), "60 secnds"), (("client", "limit"), "0 seconds"), (("client", "control"), "yes"),
    (("client", "command"), ["x"]), (("client",), {}), (("client",), {"use": "some-client"}), (("client",), "x"),
    (("client",), {"command": []}), (("client",), {"command": "x y"}), (("client",), {"command": ["x"]}),
    (("answers",), ["123456"]), (("person",), "123456"), (("person", "on"), "screen"), (("person", "acts"), {}),
    (("person", "acts", 0), {"types": "x"}), (("person", "acts", 0), {"when": "x"}),
    (("person", "acts", 0, "types"), 123456), (("person", "acts", 0, "types"), "a\nb"),
    (("person", "acts", 0, "always"), "yes"), (("person", "acts", 1, "does"), "jump"), (("person", "acts", 1, "does"), []),
    (("person", "acts", 1, "does"), "answer 6982"), (("person", "acts", 0, "when"), ""),
    (("card-in",), "no"), (("fault",), []), (("fault",), "remove"), (("fault", 0), {"at": "verify before"}),
    (("fault", 0, "at"), "autority certificate before"), (("fault", 0, "do"), "dorp"), (("fault", 0, "do"), []),
    (("expect", "exit"), 256), (("expect", "exit"), "sucess"), (("expect", "exit"), -1),
    (("expect", "says"), "sucess"), (("expect", "says"), ["done", "done"]), (("expect", "never-says"), ["cant"]),
    (("expect", "output"), ""), (("expect", "never"), {}),
    (("expect", "card"), "same"), (("expect", "card", "authentication"), "renewed"),
    (("expect", "card", "authentication", "certificate"), "renewd"), (("expect", "card", "authentication", "key"), "match"),
    (("expect", "card", "passcode-tries"), 16), (("expect", "card", "passcode-tries"), "3"),
    (("expect", "card", "unblocking-tries"), -1), (("expect", "card", "passcode"), 123456),
    (("expect", "card", "passcode"), ""), (("expect", "card", "passcode"), "123456789"), (("expect", "card", "compare"), "now"),
    (("expect", "cards", "agent"), "same"), (("expect", "invariants"), {"I5": "holds"}),
    (("expect", "invariants"), {"I4": "open"}),
    (("expect", "trace"), []), (("expect", "trace", "holds"), ["generate-key-pair 9A before"]),
    (("expect", "trace", "holds"), "verify #2"), (("expect", "trace", "never"), "put-data write #1"),
    (("expect", "trace", "never"), "output \"x\""), (("expect", "trace", "never"), "card-time 5 s"),
    (("expect", "trace", "never"), "write #5"), (("expect", "trace", "never"), "put-data block 2"),
    (("expect", "trace", "holds"), "generat-key-pair"),
    (("expect", "trace", "before"), {"verify after": "generate-key-pair"}), (("expect", "trace", "before"), ["verify"]),
    (("expect", "trace", "failed-tries"), -1), (("expect", "trace", "apdus"), "400"), (("expect", "trace", "time"), "20"),
    (("expect", "trace", "time"), "0 s"),
    (("expect", "authority", "issued"), -1), (("expect", "authority", "unused"), "none"),
    (("then",), "reinsert"), (("then", 0), "reinsrt"), (("then", 0), "answer 6982"), (("then", 0), "run"),
    (("then", 2, "clock"), "-2 years"), (("then", 2, "clock"), "2"), (("then", 2), {}),
    (("then", 2), {"clock": "2 years", "run": {"expect": {"exit": 0}}}), (("then", 3, "run"), {}),
    (("then", 4, "run", "person"), []), (("then", 5, "converge", "within"), 0), (("then", 5, "converge", "within"), 21),
    (("then", 5, "converge", "fault"), {"at": "verify before", "do": "remove"}),
    (("then", 5, "converge", "expect", "exit"), "failure"), (("then", 5, "converge", "answers"), ["x"]),
    (("then", 6, "converge"), {}),
    # What says nothing.
    (("needs",), []), (("authority", "revoked"), []), (("expect", "output"), []), (("expect", "never"), []),
    (("expect", "says"), []), (("expect", "never-says"), []), (("expect", "card"), {}), (("expect", "cards"), {}),
    (("expect", "cards", "old"), {}), (("expect", "card", "signature"), {}),
    (("expect", "card", "signature", "certificate"), []), (("expect", "card", "signature"), {"key": []}),
    (("expect", "invariants"), {}), (("expect", "cards", "old", "invariants"), {}), (("expect", "trace"), {}),
    (("expect", "trace", "holds"), []), (("expect", "trace", "never"), []), (("expect", "trace", "before"), {}),
    (("expect", "trace", "before"), {"verify": []}), (("expect", "authority"), {}),
    (("then", 5, "converge", "expect"), {}),
    # What is never true.
    (("expect", "card", "signature", "certificate"), ["renewed", "unchanged"]),
    (("expect", "card", "signature", "certificate"), ["absent", "renewed"]),
    (("expect", "card", "signature", "certificate"), ["damaged", "renewed"]),
    (("expect", "card", "signature", "certificate"), ["unchanged", "damaged"]),
    (("expect", "card", "signature", "certificate"), ["absent", "damaged"]),
    (("expect", "card", "signature"), {"key": ["matches", "differs"]}),
    (("expect", "card", "signature"), {"key": ["absent", "matches"]}),
    (("expect", "card", "signature"), {"key": ["absent", "differs"]}),
    (("expect", "card", "signature"), {"key": ["renewed", "absent"]}),
    (("expect", "card", "signature"), {"key": ["renewed", "unchanged"]}),
    (("expect", "card", "signature"), {"certificate": "absent", "key": "matches"}),
    (("expect", "card", "signature"), {"certificate": ["absent", "unchanged"], "key": ["differs"]}),
]
GOOD = [
    (("matrix",), [{"expires": "30 days", "tries": 3}, {"expires": "40 days", "tries": 3}]),
    (("clock",), "2030-05-01T12:00:00Z"), (("clock",), "-2 hours"), (("needs",), "notice"),
    (("authority", "roles", "agent"), "agent"), (("authority", "revoked"), "old"), (("authority",), {}),
    (("client", "arguments"), []), (("client",), {"task": "renew"}), (("client", "limit"), "1 day"),
    (("client", "control"), False), (("person",), [{"when": "a", "does": "kill-client"}]), (("person", "on"), "pipe"),
    (("person", "acts"), []), (("person", "acts", 0, "types"), "{unlock-code}"), (("card-in",), False),
    (("fault",), {"at": "any #3 after card agent", "do": "truncate 3 bytes"}),
    (("fault", 0, "do"), "log-out"), (("expect", "exit"), "killed"), (("expect", "exit"), 255),
    (("expect", "card"), "unchanged"), (("expect", "card", "signature", "certificate"), ["absent", "unchanged"]),
    (("expect", "card", "signature"), {"certificate": "absent", "key": ["absent", "unchanged"]}),
    (("expect", "trace", "before"), {"verify": ["generate-key-pair 9A", "put-data"]}),
    (("expect", "trace", "time"), "1 minute"), (("then",), []),
    (("then", 5, "converge", "expect", "exit"), 0),
]


def with_each(table):
    documents = []
    for path, value in table:
        document = changed(BY_NAME, path, value)
        if "matrix" in document and path[0] != "matrix":
            # What is tried may be where the matrix was used.
            document["shows"] = document["shows"] + " {expires} {tries}" if path != ("shows",) else document["shows"]
        if path == ("then",):
            document["expect"].pop("invariants", None)
        documents.append(document)
    return documents


def test_a_table_of_mistakes_is_refused_by_both(tmp_path):
    documents = with_each(BAD)
    refused = refused_scenarios(tmp_path, documents)
    for number, (path, value) in enumerate(BAD):
        assert number in refused, (path, value)
        assert not takes(SCENARIO_SCHEMA, documents[number]), (path, value)


def test_a_table_of_other_forms_is_taken_by_both(tmp_path):
    documents = with_each(GOOD)
    refused = refused_scenarios(tmp_path, documents)
    for number, (path, value) in enumerate(GOOD):
        assert number not in refused, (path, value, refused[number])
        assert takes(SCENARIO_SCHEMA, documents[number]), (path, value)


def words_of(schema, name):
    """The words of an enumeration, wherever it stands in a definition."""
    return {word for _, part in walk(schema["definitions"][name]) if isinstance(part, dict)
            for word in part.get("enum", [])}


@pytest.mark.parametrize("path, definition", [
    (("client", "task"), "task"), (("expect", "says"), "meaning"), (("needs",), "ability"),
])
def test_an_enumeration_of_the_schema_has_the_words_that_cardrig_knows(tmp_path, path, definition):
    message = refused_scenarios(tmp_path, [changed(BY_NAME, path, "zzzzzzzzzzzzzzzzzzzzzz")])[0]
    known = set(re.search(r"known here: (.*?)(?: \(with .*)?$", message)[1].split(", "))
    assert words_of(SCENARIO_SCHEMA, definition) == known


def test_every_scenario_of_the_library_fits_its_schema():
    files = [path for path in sorted(LIBRARY.rglob("*.yaml")) if not {"clients", "profiles"} & set(path.parts)]
    assert files
    for path in files:
        problems = list(jsonschema.Draft7Validator(SCENARIO_SCHEMA).iter_errors(plain(path)))
        assert not problems, (path, problems)


# --- clients ------------------------------------------------------------------------------------------------

WORDS = sorted(CLIENT_SCHEMA["properties"]["words"]["properties"])
CLIENT = {
    "commands": {task: ["{bin}/client", task, "{reader-2}"] for task in CLIENT_SCHEMA["properties"]["commands"]["properties"]},
    "environment": {"TOKEN": "{authority-token}"},
    "can": ["authority", "management-key-service", "terminal", "two-readers", "check-certificates", "finish",
            "retry-authority", "notice", "test-login", "move-keys"],
    "words": {word: "x+" for word in WORDS},
}
BAD_CLIENTS = [
    (("commands",), {}), (("commands",), None), (("commands", "renw"), ["x"]), (("commands", "renew"), "x y"),
    (("commands", "renew"), []), (("environment",), ["x"]), (("environment", "a b"), "x"), (("can",), ["authorty"]),
    (("can",), ["notice", "notice"]), (("words", "sucess"), "x"), (("words", "success"), ""), (("words", "success"), ["x"]),
    (("wrods",), {}),
]


def refused_client(folder, document):
    """What cardrig says of a description; empty where it takes it. Nothing is run: no scenario is of that client's."""
    (folder / "client.yaml").write_text(json.dumps(document))
    (folder / "one.yaml").write_text(json.dumps(BY_COMMAND))
    result = subprocess.run([CARDRIG, "run", folder / "one.yaml", "--client", folder / "client.yaml"],
                            capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2
    return "" if "applies to none of 1 scenarios" in result.stderr else result.stderr


def test_a_description_with_everything_is_taken_by_both(tmp_path):
    jsonschema.Draft7Validator(CLIENT_SCHEMA).validate(CLIENT)
    assert refused_client(tmp_path, CLIENT) == ""
    assert set(WORDS) == words_of(SCENARIO_SCHEMA, "meaning")
    assert set(CLIENT["can"]) == words_of(SCENARIO_SCHEMA, "ability") == words_of(CLIENT_SCHEMA, "ability")
    assert set(CLIENT["commands"]) == words_of(SCENARIO_SCHEMA, "task")


@pytest.mark.parametrize("path, value", BAD_CLIENTS)
def test_a_wrong_description_is_refused_by_both(tmp_path, path, value):
    document = changed(CLIENT, path, value)
    message = refused_client(tmp_path, document)
    assert re.search(r"client\.yaml:\d+:\d+: ", message), message
    assert not takes(CLIENT_SCHEMA, document)


def test_every_description_of_the_library_fits_its_schema():
    for path in sorted((LIBRARY / "clients").glob("*.yaml")):
        problems = list(jsonschema.Draft7Validator(CLIENT_SCHEMA).iter_errors(plain(path)))
        assert not problems, (path, problems)
