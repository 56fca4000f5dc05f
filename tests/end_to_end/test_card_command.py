"""cardrig card new, show and diff, through the binary."""

import json
import os
import pathlib
import stat
import subprocess

import pytest

CARDRIG = os.environ["CARDRIG"]

PROFILE = """title: A small card
atr: "3B 80 80 01 01"
holder: {name: Test Holder, number: "700000000001"}
passcode: {value: "98761234", length: 6 to 8, alphabet: digits, tries: 3}
management-key: {algorithm: aes-128, value: "A0A1A2A3A4A5A6A7A8A9AAABACADAEAF"}
algorithms: [p-256]
certificates:
  9A: {expires: 30 days}
"""


def cardrig(*arguments, cwd):
    return subprocess.run(
        [CARDRIG, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


def refused(*arguments, cwd):
    """The message of a request that must be wrong."""
    done = cardrig(*arguments, cwd=cwd)
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert done.stderr.startswith("cardrig: ")
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "small.yaml").write_text(PROFILE)
    assert cardrig("card", "new", "small.yaml", "-o", "a.card", cwd=tmp_path).returncode == 0
    return tmp_path


def test_new_writes_a_private_image(folder):
    assert stat.S_IMODE((folder / "a.card").stat().st_mode) == 0o600
    assert (folder / "a.card").read_bytes().startswith(b"cardrig card image 2\n")


def test_show_tells_what_is_on_the_shipped_card(tmp_path):
    done = cardrig("card", "show", "piv-staff", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("RSA 2048 key\n") == 2
    assert done.stdout.count("matches its key") == 2
    assert done.stdout.count("UTC, 30 days left") + done.stdout.count("UTC, 29 days left") == 2
    assert "3 of 3 tries left; 6 to 8 digits" in done.stdout


def test_show_tells_the_protocol_that_the_answer_to_reset_offers(folder):
    assert "protocol           T=0, T=1\n" in cardrig("card", "show", "a.card", cwd=folder).stdout
    for atr, protocols in (("3B00", [0]), ("3B 8B 01 80 F9 A0 00 00 03 08 00 00 10 00 48", [1])):
        new = ("card", "new", "small.yaml", "-o", "b.card", "--set", f"atr={atr}")
        assert cardrig(*new, cwd=folder).returncode == 0
        shown = cardrig("card", "show", "b.card", "--json", cwd=folder)
        assert json.loads(shown.stdout)["protocols"] == protocols


def test_an_image_of_the_first_version_is_still_a_card(tmp_path):
    old = pathlib.Path(__file__).parent.parent / "data" / "version_1.card"
    done = cardrig("card", "show", str(old), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "2 of 3 tries left" in done.stdout
    assert "matches its key" in done.stdout


def test_show_gives_json(folder):
    done = cardrig("card", "show", "a.card", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    card = json.loads(done.stdout)
    assert card["profile"] == "small"
    assert card["passcode"]["tries-left"] == 3
    (slot,) = card["slots"]
    assert slot["reference"] == "9A"
    assert slot["certificate"]["subject"] == "UID=700000000001,CN=Test Holder"
    assert slot["certificate"]["matches-key"] is True
    assert slot["certificate"]["days-left"] in (29, 30)
    assert {entry["name"] for entry in card["objects"]} == {"chuid", "card-capability-container"}


def test_no_secret_is_shown(folder):
    changed = ("--set", "passcode.value=45671234")
    assert cardrig("card", "new", "small.yaml", "-o", "b.card", *changed, cwd=folder).returncode == 0
    for arguments in (["show", "a.card"], ["show", "a.card", "--json"],
                      ["diff", "a.card", "b.card"], ["diff", "a.card", "b.card", "--json"]):
        shown = cardrig("card", *arguments, cwd=folder).stdout
        assert shown
        for secret in ("98761234", "45671234", "12345678", "A0A1A2A3", b"98761234".hex()):
            assert secret not in shown


def test_diff_tells_differences_by_meaning(folder):
    same = cardrig("card", "diff", "a.card", "a.card", cwd=folder)
    assert (same.returncode, same.stdout) == (0, "")
    made = cardrig("card", "new", "small.yaml", "-o", "b.card", "--set", "passcode.tries-left=1",
                   "--set", "certificates.9A.expires=60 days", cwd=folder)
    assert made.returncode == 0, made.stderr
    done = cardrig("card", "diff", "a.card", "b.card", cwd=folder)
    assert done.returncode == 1
    tries, certificate = done.stdout.splitlines()
    assert tries == "passcode tries: 3 -> 1"
    assert certificate.startswith("9A certificate: replaced (serial ")
    as_json = json.loads(cardrig("card", "diff", "a.card", "b.card", "--json", cwd=folder).stdout)
    assert [entry["what"] for entry in as_json] == ["passcode tries", "9A certificate"]


def test_diff_tells_what_the_cards_are(folder):
    # Without certificates, whose dates count from the moment.
    for name, changes in (
        ("a.card", []),
        ("b.card", ["put-data=streamed", "timing.command=5 ms", "global-passcode.value=24681357",
                    "printed-information=true"]),
    ):
        sets = [word for change in ["certificates.9A=none", *changes] for word in ("--set", change)]
        made = cardrig("card", "new", "small.yaml", "-o", name, *sets, cwd=folder)
        assert made.returncode == 0, made.stderr
    done = cardrig("card", "diff", "a.card", "b.card", cwd=folder)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "global passcode rules: none -> 6 to 8 digits",
        "PUT DATA: buffered -> streamed",
        "timing: instant -> takes its time",
        "time of a command: none -> 5 ms",
        "global passcode: added",
        "printed-information: added (58 bytes)",
    ]
    as_json = json.loads(cardrig("card", "diff", "a.card", "b.card", "--json", cwd=folder).stdout)
    assert [entry["after"] for entry in as_json[:2]] == ["6 to 8 digits", "streamed"]
    assert "24681357" not in done.stdout + json.dumps(as_json)
    shown = json.loads(cardrig("card", "show", "b.card", "--json", cwd=folder).stdout)
    assert shown["put-data"] == "streamed"
    assert shown["timing-microseconds"]["command"] == 5000
    assert shown["global-passcode"]["tries-left"] == 3


def test_a_refused_image_is_left_as_it_was(folder):
    image = (folder / "a.card").read_bytes()
    for content in (image[:-1], image[:200], image[:-1] + bytes([image[-1] ^ 1]), b"\x7fELF\0"):
        (folder / "b.card").write_bytes(content)
        refused("card", "show", "b.card", cwd=folder)
        refused("card", "diff", "a.card", "b.card", cwd=folder)
        assert (folder / "b.card").read_bytes() == content
    # A profile that is wrong leaves the image that it was to replace.
    refused("card", "new", "small.yaml", "-o", "b.card", "--set", "timing=fast", cwd=folder)
    assert (folder / "b.card").read_bytes() == content
    assert sorted(path.name for path in folder.iterdir()) == ["a.card", "b.card", "small.yaml"]


def test_fresh_keys_are_other_keys(folder):
    assert cardrig("card", "new", "small.yaml", "-o", "b.card", "--fresh-keys", cwd=folder).returncode == 0
    done = cardrig("card", "diff", "a.card", "b.card", cwd=folder)
    assert done.returncode == 1
    assert "9A key: replaced (P-256)" in done.stdout.splitlines()


def test_a_bad_profile_is_refused_at_its_place(folder):
    (folder / "bad.yaml").write_text(PROFILE.replace("tries: 3", "tries: 3, tries: 4"))
    message = refused("card", "new", "bad.yaml", "-o", "b.card", cwd=folder)
    assert message.startswith("cardrig: bad.yaml:4:"), message
    assert "'tries' is here twice" in message
    assert not (folder / "b.card").exists()
    (folder / "bad.yaml").write_text(PROFILE.replace("algorithms", "algoritms"))
    assert "bad.yaml:6:1: key 'algoritms' is unknown; did you mean 'algorithms'?" in refused(
        "card", "show", "bad.yaml", cwd=folder
    )
    (folder / "bad.yaml").write_bytes(b"title: \xff\n")
    assert "bad.yaml:1:8: byte FF is not UTF-8" in refused("card", "show", "bad.yaml", cwd=folder)


def test_bad_images_are_refused_each_by_name(folder):
    image = (folder / "a.card").read_bytes()
    bad = {
        "truncated": image[:-1],
        "damaged": image[:-1] + bytes([image[-1] ^ 1]),
        "version '9'": image.replace(b"image 2", b"image 9", 1),
        "neither a card image nor a profile": b"\x7fELF\0",
    }
    for word, content in bad.items():
        (folder / "bad.card").write_bytes(content)
        message = refused("card", "show", "bad.card", cwd=folder)
        assert message.startswith("cardrig: bad.card: ")
        assert word in message


def test_wrong_requests_are_told_with_what_was_meant(folder):
    for arguments, word in (
        (["crad"], "did you mean 'card'?"),
        (["card", "shwo"], "did you mean 'show'?"),
        (["card", "show", "a.card", "--jsno"], "did you mean '--json'?"),
        (["card", "show", "a.card", "b.card"], "'b.card' is one word too many"),
        (["card"], "new, show, diff"),
        (["card", "new", "small.yaml"], "--output"),
        (["card", "new", "small.yaml", "-o", "b.card", "--set", "passcode"], "KEY=VALUE"),
        (["card", "new", "small.yaml", "-o", "b.card", "--set", "passcode.trys=1"], "did you mean 'tries'?"),
        (["card", "new", "small.yaml", "-o", "no/b.card"], "No such file or directory"),
        (["card", "new", "a.card", "-o", "b.card"], "a profile is wanted here"),
        (["card", "show", "piv-staf"], "did you mean 'piv-staff'?"),
    ):
        assert word in refused(*arguments, cwd=folder)


def test_the_old_image_stays_when_the_new_one_cannot_be_made(folder):
    before = (folder / "a.card").read_bytes()
    refused("card", "new", "small.yaml", "-o", "a.card", "--set", "passcode.tries=99", cwd=folder)
    assert (folder / "a.card").read_bytes() == before


def test_help_and_version_are_printed(folder):
    for arguments in (["--help"], ["card", "--help"], ["card", "new", "--help"]):
        done = cardrig(*arguments, cwd=folder)
        assert done.returncode == 0
        assert "Usage: cardrig" in done.stdout
    assert "Example" in cardrig("card", "new", "--help", cwd=folder).stdout
    assert cardrig("--version", cwd=folder).stdout.startswith("cardrig ")
