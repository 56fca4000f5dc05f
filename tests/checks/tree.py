"""The files of the source tree, for the checks that read them."""

import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]

CXX = {".cpp", ".h"}
_NOT_OURS = re.compile(r"build.*|\.git|__pycache__|\.pytest_cache|\.cache")


def _from_git(root):
    """What git tracks and what it would take in; None where git knows nothing of this tree."""
    if not (root / ".git").exists():
        return None
    listing = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=False,
    )
    if listing.returncode != 0:
        return None
    names = sorted(set(os.fsdecode(listing.stdout).split("\0")) - {""})
    return [root / name for name in names if (root / name).is_file()]


def _by_walking(root):
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not _NOT_OURS.fullmatch(name))
        found += [pathlib.Path(folder) / name for name in sorted(files) if not name.endswith(".pyc")]
    return found


def files(root=ROOT):
    """All files of the tree, built ones aside."""
    listed = _from_git(root)
    return _by_walking(root) if listed is None else listed


def cxx_files(root=ROOT):
    return [file for file in files(root) if file.suffix in CXX]


def is_shell(file):
    if file.suffix == ".sh":
        return True
    if file.suffix:
        return False
    with file.open("rb") as stream:
        first = stream.readline(200)
    return first.startswith(b"#!") and (b"bash" in first or first.rstrip().endswith(b"/sh"))


def lines(file):
    return file.read_text(encoding="utf-8", errors="replace").splitlines()


_COMMENT_OR_STRING = re.compile(
    r"//[^\n]*|/\*.*?\*/|R\"(?P<mark>[^()\s\\]{0,16})\(.*?\)(?P=mark)\"|\"(?:\\.|[^\"\\\n])*\"", re.DOTALL
)


def cxx_code(file):
    """The lines of a C++ file with comments and strings blanked out, so that words in them do not count."""

    def blank(match):
        return re.sub(r"[^\n]", " ", match.group())

    text = file.read_text(encoding="utf-8", errors="replace")
    return _COMMENT_OR_STRING.sub(blank, text).splitlines()


def report(findings):
    """Findings as one message, each on a line of its own."""
    return "\n" + "\n".join(findings)
