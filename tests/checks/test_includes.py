"""Includes go one way: apdu <- emulator <- harness <- bindings; programs under scenarios see apdu and themselves alone."""

import re

import tree

MAY_INCLUDE = {
    "apdu": {"apdu"},
    "emulator": {"apdu", "emulator"},
    "harness": {"apdu", "emulator", "harness"},
    "bindings": {"apdu", "emulator", "harness", "bindings"},
    "scenarios": {"apdu", "scenarios"},
    "tests": {"apdu", "emulator", "harness", "bindings", "scenarios", "tests"},
}
OURS = set(MAY_INCLUDE)

# What lies outside the card: files, sockets, processes, threads. The readings of clocks are found by name.
OUTSIDE_THE_CARD = re.compile(
    r"fstream|filesystem|iostream|thread|unistd\.h|fcntl\.h|dlfcn\.h|poll\.h|signal\.h|csignal|sys/.*|netinet/.*"
    r"|arpa/.*|netdb\.h|winscard\.h|PCSC/.*|boost/asio.*|boost/process.*|httplib\.h|yaml-cpp/.*"
)
WALL_CLOCK = re.compile(
    r"\b(system_clock|steady_clock|high_resolution_clock)::now\b|\b(std::)?time\s*\(\s*(nullptr|NULL|0)"
)

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def includes(file):
    for number, line in enumerate(tree.lines(file), 1):
        if match := INCLUDE.match(line):
            yield number, match.group(1), match.group(2)


def forbidden_includes(root):
    """One line for each include that goes the wrong way, or that is not written from the project's root."""
    findings = []
    for file in tree.cxx_files(root):
        name = file.relative_to(root)
        allowed = MAY_INCLUDE.get(name.parts[0])
        if allowed is None:
            findings.append(f"{name}: C++ outside the folders of the house")
            continue
        for number, quote, path in includes(file):
            top = path.split("/")[0]
            if top in OURS and "/" in path:
                if top not in allowed:
                    findings.append(f"{name}:{number}: {name.parts[0]} must not include {path}")
                elif ".." in path.split("/"):
                    findings.append(f"{name}:{number}: {path} leads out of its folder")
            elif quote == '"':
                findings.append(f"{name}:{number}: {path} is not written from the project's root")
    return findings


def reaches_outside(root):
    """One line for each way by which apdu or emulator could see files, sockets or the wall clock."""
    findings = []
    for file in tree.cxx_files(root):
        name = file.relative_to(root)
        if name.parts[0] not in ("apdu", "emulator"):
            continue
        for number, quote, path in includes(file):
            if quote == "<" and OUTSIDE_THE_CARD.fullmatch(path):
                findings.append(f"{name}:{number}: <{path}> is outside the card")
        for number, line in enumerate(tree.cxx_code(file), 1):
            if WALL_CLOCK.search(line):
                findings.append(f"{name}:{number}: reads a clock of its own")
    return findings


def make(root, name, text):
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_includes_go_one_way():
    findings = forbidden_includes(tree.ROOT)
    assert not findings, tree.report(findings)


def test_the_card_knows_no_file_socket_or_wall_clock():
    findings = reaches_outside(tree.ROOT)
    assert not findings, tree.report(findings)


def test_the_tree_is_really_read():
    seen = {file.relative_to(tree.ROOT).parts[0] for file in tree.cxx_files()}
    assert {"apdu", "emulator", "harness", "tests"} <= seen


def test_control_each_wrong_direction_is_seen(tmp_path):
    for folder, allowed in MAY_INCLUDE.items():
        for other in sorted(OURS):
            make(tmp_path, f"{folder}/from_{other}.cpp", f'#include "{other}/some.h"\n')
    findings = forbidden_includes(tmp_path)
    expected = {
        f"{folder}/from_{other}.cpp:1" for folder, allowed in MAY_INCLUDE.items() for other in OURS - allowed
    }
    assert {":".join(finding.split(":")[:2]) for finding in findings} == expected


def test_control_disguised_includes_are_seen(tmp_path):
    make(
        tmp_path,
        "apdu/sly.h",
        "#pragma once\n"
        "  #  include <emulator/card.h>\n"
        '#include "../harness/rig.h"\n'
        '#include "apdu/../emulator/card.h"\n'
        '#include "bytes.h"\n'
        '// #include "harness/rig.h"\n'
        "#include <vector>\n",
    )
    make(tmp_path, "tools/extra.cpp", "int main() {}\n")
    findings = forbidden_includes(tmp_path)
    assert [finding.split(": ")[0] for finding in findings] == [
        "apdu/sly.h:2",
        "apdu/sly.h:3",
        "apdu/sly.h:4",
        "apdu/sly.h:5",
        "tools/extra.cpp",
    ]


def test_control_ways_outside_are_seen(tmp_path):
    make(
        tmp_path,
        "emulator/clocked.cpp",
        "#include <fstream>\n"
        "#include <sys/socket.h>\n"
        "#include <chrono>\n"
        "// steady_clock::now in a comment is none\n"
        "auto now = std::chrono::system_clock::now();\n",
    )
    make(tmp_path, "harness/clocked.cpp", "#include <fstream>\nauto now = std::chrono::system_clock::now();\n")
    assert [finding.split(": ")[0] for finding in reaches_outside(tmp_path)] == [
        "emulator/clocked.cpp:1",
        "emulator/clocked.cpp:2",
        "emulator/clocked.cpp:5",
    ]
