"""All C++ is formatted as .clang-format says."""

import shutil
import subprocess

import pytest
import tree

MISSING = "clang-format is missing: install the package clang-format"


def unformatted(files, config):
    """What clang-format says of the files that it would change; empty where it would change none."""
    # Versions differ in what they do; Debian 12's is the one that the tree is formatted with.
    program = shutil.which("clang-format-14") or shutil.which("clang-format")
    assert program, MISSING
    if not files:
        return ""
    result = subprocess.run(
        [program, f"--style=file:{config}", "--dry-run", "-Werror", *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0 or result.stderr, "clang-format failed without a word"
    return result.stderr if result.returncode else ""


CONFIG = tree.ROOT / ".clang-format"


def test_all_code_is_formatted():
    files = tree.cxx_files()
    assert len(files) > 20
    findings = unformatted(files, CONFIG)
    assert not findings, "\n" + findings + "\nclang-format -i FILE puts it right"


def test_control_bad_format_is_seen(tmp_path):
    bad = tmp_path / "bad.cpp"
    bad.write_text("int  answer( )\n{\n  return 42 ; }\n")
    assert unformatted([bad], CONFIG)
    wide = tmp_path / "wide.cpp"
    wide.write_text("int answer(" + ", ".join(f"int parameter_{i}" for i in range(12)) + ");\n")
    assert unformatted([wide], CONFIG)
    tidy = tmp_path / "tidy.cpp"
    tidy.write_text("int answer();\n")
    assert unformatted([tidy], CONFIG) == ""


def test_control_a_missing_tool_is_no_pass(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AssertionError, match="install the package clang-format"):
        unformatted([tmp_path / "any.cpp"], CONFIG)
