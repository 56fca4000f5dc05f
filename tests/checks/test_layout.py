"""How the tree is laid out, and what stands nowhere in it."""

import re
import subprocess

import pytest
import tree

LONGEST_FILE = 600
SOURCE = {".cpp", ".h", ".in", ".py", ".sh", ".cmake"}
TOP_LEVEL = {
    "CMakeLists.txt",
    "LICENSE",
    "README.md",
    "apdu",
    "bindings",
    "ci",
    "emulator",
    "harness",
    "scenarios",
    "tests",
}

# Waits by time alone. In shell scripts the command counts, not the word in a string or a comment.
SLEEP_IN_CXX = re.compile(
    r"\b(sleep_for|sleep_until|usleep|nanosleep|clock_nanosleep)\b|(?<![\w.:>])(::)?sleep\s*\("
)
SLEEP_IN_PYTHON = re.compile(r"\btime\.sleep\b|\basyncio\.sleep\b|\bfrom\s+time\s+import\b.*\bsleep\b")
SLEEP_IN_SHELL = re.compile(
    r"(^|[;&|({`]|\b(?:do|then|else|exec|time)\b)\s*(?:/usr)?(?:/bin/)?sleep\s+[\"']?[\d.$]"
)

# Boost.Test wants these before its header is included.
DEFINES_ALLOWED = {"BOOST_TEST_MODULE", "BOOST_TEST_DYN_LINK"}

CATCH_ALL = re.compile(r"\bcatch\s*\(\s*\.\.\.\s*\)")
NOEXCEPT = re.compile(r"\bnoexcept\b")
# A destructor with a body; `= default` is none, and a declaration ends in a semicolon.
DESTRUCTOR_BODY = re.compile(r"~\w+\s*\(\s*\)[^;=]*\{")
DEFINE = re.compile(r"^\s*#\s*define\s+(\w+)")


def is_source(file):
    return file.suffix in SOURCE or file.name == "CMakeLists.txt" or tree.is_shell(file)


def code_and_pattern(file):
    """The lines in which this kind of file could sleep, and how that would look."""
    if file.suffix in tree.CXX:
        return tree.cxx_code(file), SLEEP_IN_CXX
    if file.suffix == ".py":
        return [line.split("#")[0] for line in tree.lines(file)], SLEEP_IN_PYTHON
    if tree.is_shell(file):
        return ["" if line.lstrip().startswith("#") else line for line in tree.lines(file)], SLEEP_IN_SHELL
    return [], SLEEP_IN_CXX


def too_long(root):
    counts = ((file, len(tree.lines(file))) for file in tree.files(root) if is_source(file))
    return [f"{file.relative_to(root)}: {count} lines" for file, count in counts if count > LONGEST_FILE]


def fixed_sleeps(root):
    checks = root / "tests" / "checks"  # these files have to name what they look for
    in_its_place = root / "harness" / "clock" / "steady_sleep.cpp"  # it is a client's, and called by nobody here
    findings = []
    for file in tree.files(root):
        if checks in file.parents or file == in_its_place:
            continue
        code, pattern = code_and_pattern(file)
        findings += [
            f"{file.relative_to(root)}:{number}: {line.strip()}"
            for number, line in enumerate(code, 1)
            if pattern.search(line)
        ]
    return findings


def matches(root, pattern, folders=None):
    """Where the code of C++ files, in these top-level folders, matches."""
    for file in tree.cxx_files(root):
        name = file.relative_to(root)
        if folders and name.parts[0] not in folders:
            continue
        for number, line in enumerate(tree.cxx_code(file), 1):
            if match := pattern.search(line):
                yield f"{name}:{number}: {line.strip()}", match


# Destructors that do something, each with what makes it harmless.
DESTRUCTORS_ALLOWED = {
    "emulator/crypto.h": "~Operation() { context_.end_operation(); }",  # frees what OpenSSL keeps for the thread
}


def swallowing(root):
    """What could keep an exception that is thrown at a memory write from passing through the card."""
    inner = ("apdu", "emulator")
    return [
        finding
        for pattern in (CATCH_ALL, NOEXCEPT, DESTRUCTOR_BODY)
        for finding, _ in matches(root, pattern, inner)
        if not any(finding.startswith(file) and finding.endswith(code) for file, code in DESTRUCTORS_ALLOWED.items())
    ]


def own_macros(root):
    return [finding for finding, match in matches(root, DEFINE) if match.group(1) not in DEFINES_ALLOWED]


def strangers_at_the_top(root):
    names = {file.relative_to(root).parts[0] for file in tree.files(root)}
    return sorted(name for name in names if name not in TOP_LEVEL and not name.startswith("."))


CHECKS = [too_long, fixed_sleeps, swallowing, own_macros, strangers_at_the_top]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_tree(check):
    findings = check(tree.ROOT)
    assert not findings, tree.report(findings)


def make(root, name, text):
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_control_a_good_tree_passes(check, tmp_path):
    make(tmp_path, "README.md", "sleep 5, catch (...), #define X: only words\n")
    make(tmp_path, ".hidden", "")
    make(tmp_path, "build-x/made.cpp", "#define MADE\n" * 1000)
    make(
        tmp_path,
        "emulator/good.cpp",
        "// no catch (...) here, no sleep_for, no noexcept\n"
        'const char* text = "usleep(1) catch (...)";\n'
        "Card::~Card() = default;\n" + "int x;\n" * (LONGEST_FILE - 3),
    )
    make(tmp_path, "harness/good.cpp", "try {} catch (...) {}\nThing::~Thing() { stop(); }\nint f() noexcept;\n")
    make(tmp_path, "ci/good", "#!/usr/bin/env bash\n# sleep 5\necho 'no sleep'\nexec -- cardrig exec -- sleep 60\n")
    make(tmp_path, "tests/main.cpp", "#define BOOST_TEST_MODULE x\n")
    assert check(tmp_path) == []


def test_control_a_long_file_is_seen(tmp_path):
    make(tmp_path, "apdu/long.cpp", "int x;\n" * (LONGEST_FILE + 1))
    make(tmp_path, "ci/long", "#!/bin/sh\n" + ":\n" * LONGEST_FILE)
    assert too_long(tmp_path) == ["apdu/long.cpp: 601 lines", "ci/long: 601 lines"]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("harness/a.cpp", "std::this_thread::sleep_for(1s);"),
        ("tests/a.cpp", "usleep(1000);"),
        ("tests/a.h", "::sleep(1);"),
        ("harness/b.cpp", "    sleep(1);"),
        ("tests/test_a.py", "    time.sleep(0.1)"),
        ("tests/test_b.py", "from time import monotonic, sleep"),
        ("ci/a", "#!/usr/bin/env bash\nsleep 1"),
        ("ci/b.sh", "while ! ready; do sleep 0.1; done"),
        ("scenarios/client", '#!/bin/sh\ntrue && /bin/sleep "$DELAY"'),
    ],
)
def test_control_a_sleep_is_seen(tmp_path, name, line):
    make(tmp_path, name, line + "\n")
    assert len(fixed_sleeps(tmp_path)) == 1


@pytest.mark.parametrize(
    "line",
    [
        "try { write(); } catch (...) {}",
        "} catch( ... ) {",
        "void write(Bytes bytes) noexcept;",
        "~Transaction() { commit(); }",
        "Transaction::~Transaction() {",
    ],
)
def test_control_what_swallows_is_seen(tmp_path, line):
    for folder in ("apdu", "emulator"):
        make(tmp_path, f"{folder}/bad.cpp", line + "\n")
    assert len(swallowing(tmp_path)) == 2


def test_control_a_macro_is_seen(tmp_path):
    make(tmp_path, "harness/bad.h", "#define LIMIT 3\n#  define TWICE(x) ((x) * 2)\n")
    assert len(own_macros(tmp_path)) == 2


def test_control_a_stranger_is_seen(tmp_path):
    make(tmp_path, "notes.txt", "")
    make(tmp_path, "src/x.cpp", "")
    make(tmp_path, "apdu/x.cpp", "")
    assert strangers_at_the_top(tmp_path) == ["notes.txt", "src"]


def test_control_files_new_to_git_are_seen_and_ignored_ones_are_not(tmp_path):
    make(tmp_path, ".gitignore", "/ignored/\n")
    make(tmp_path, "ignored/x.cpp", "")
    make(tmp_path, "apdu/new.cpp", "")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert tree.files(tmp_path) == [tmp_path / ".gitignore", tmp_path / "apdu" / "new.cpp"]
