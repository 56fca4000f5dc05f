"""Passcode and unblocking code through OpenSC's and Yubico's tools: tries are counted, the card blocks, what is changed
holds; and all tools tell the same of one card."""

import re

import pytest

from client_session import PASSCODE, UNBLOCKING_CODE, WRONG, Session, need_pkcs11_tool, new_card, shown
from rig_processes import need

OPENSC_TOOL = need("opensc-tool", "opensc")
PKCS15_TOOL = need("pkcs15-tool", "opensc")
PKCS11_TOOL = need_pkcs11_tool()
YUBICO_TOOL = need("yubico-piv-tool", "yubico-piv-tool")
need("pcscd", "pcscd")

SELECT = "00A4040009A00000030800001000"
VERIFY_WRONG, VERIFY_RIGHT = "0020008008393939393939FFFF", "0020008008313233343536FFFF"


class Card(Session):
    """A card of the test's own, and what the clients say of its passcode."""

    def __init__(self, folder, *values):
        self.after = folder / "after"
        super().__init__([new_card(folder / "card", *values)], folder, options=["--image", str(self.after)])

    def verify(self, passcode):
        return self.attempt(PKCS15_TOOL, "--verify-pin", "--pin", passcode)

    def tries_left(self):
        """As Yubico's tool asks for them, which costs none. While the passcode is verified there is no telling
        (SP 800-73-4 part 2, 3.2.1); OpenSC's tools leave it so, Yubico's resets the card when it ends."""
        said = [self.run(YUBICO_TOOL, "-r", "Virtual", "-a", "status").output for _ in range(2)]
        return int(re.search(r"PIN tries left:\s+(\d+)", said[1])[1])

    def flags(self):
        """What PKCS#11 tells applications."""
        said = self.run(PKCS11_TOOL, "-L").output
        return set(re.search(r"token flags\s+: (.*)", said)[1].split(", ")) & {"final user PIN try", "user PIN locked"}

    def status_words(self, *commands):
        words = [OPENSC_TOOL, "-s", SELECT]
        for command in commands:
            words += ["-s", command]
        said = self.run(*words).output
        return ["".join(found) for found in re.findall(r"SW1=0x(\w\w), SW2=0x(\w\w)", said)][1:]


@pytest.fixture
def card(tmp_path):
    with Card(tmp_path) as card:
        yield card


def test_wrong_passcodes_are_counted_down_until_the_card_blocks(card):
    for left, flags in ((2, set()), (1, {"final user PIN try"}), (0, {"user PIN locked"})):
        step = card.verify(WRONG)
        assert step.status != 0 and "PIN code or key incorrect" in step.said
        assert card.flags() == flags
        assert card.tries_left() == left
    for passcode in (PASSCODE, WRONG):
        assert "Authentication method blocked" in card.verify(passcode).said
    step = card.attempt(PKCS11_TOOL, "--login", "--pin", PASSCODE, "-O")
    assert step.status != 0 and "CKR_PIN_LOCKED" in step.error


def test_the_last_wrong_try_says_none_left_and_the_next_one_blocked(tmp_path):
    """SP 800-73-4 part 2, 3.2.1: after 63C0 comes 6983, for the right passcode as well."""
    with Card(tmp_path) as card:
        assert card.status_words(VERIFY_WRONG, VERIFY_WRONG, VERIFY_WRONG, VERIFY_WRONG, VERIFY_RIGHT, "00200080") == \
            ["63C2", "63C1", "63C0", "6983", "6983", "6983"]
    assert shown(card.after)["passcode"]["tries-left"] == 0


def test_the_right_passcode_gives_all_tries_back(card):
    for _ in range(2):
        card.verify(WRONG)
    assert card.tries_left() == 1
    assert card.verify(PASSCODE).status == 0
    assert card.tries_left() == 3
    assert card.flags() == set()


def test_a_passcode_that_is_too_short_for_any_card_costs_no_try(card):
    """OpenSC itself refuses fewer than four characters; four or five are sent, and are wrong."""
    assert card.verify("123").status != 0
    assert card.tries_left() == 3
    assert card.verify("1234").status != 0
    assert card.tries_left() == 2


def test_the_passcode_is_changed(card):
    card.run(PKCS15_TOOL, "--change-pin", "--pin", PASSCODE, "--new-pin", "87654321")
    assert card.verify(PASSCODE).status != 0
    assert card.tries_left() == 2
    assert card.verify("87654321").status == 0
    card.run(PKCS11_TOOL, "--login", "--pin", "87654321", "--change-pin", "--new-pin", "7654321")
    card.run(YUBICO_TOOL, "-r", "Virtual", "-a", "change-pin", "-P", "7654321", "-N", "654321")
    assert card.verify("654321").status == 0
    for old in (PASSCODE, "87654321"):
        assert card.verify(old).status != 0
    assert card.tries_left() == 1


def test_a_change_with_a_wrong_old_passcode_costs_a_try_and_changes_nothing(card):
    step = card.attempt(PKCS15_TOOL, "--change-pin", "--pin", WRONG, "--new-pin", "87654321")
    assert step.status != 0 and "tries left: 2" in step.said
    assert card.tries_left() == 2
    assert card.verify("87654321").status != 0
    assert card.verify(PASSCODE).status == 0


def test_a_new_passcode_that_breaks_the_rules_is_refused_at_no_cost(card):
    """SP 800-73-4 part 2, 3.2.2: six to eight digits. OpenSC sends four characters all the same."""
    for bad in ("1234", "12345A"):
        assert card.attempt(PKCS15_TOOL, "--change-pin", "--pin", PASSCODE, "--new-pin", bad).status != 0
    assert card.tries_left() == 3
    assert card.verify(PASSCODE).status == 0


def test_a_blocked_card_is_unblocked_with_a_new_passcode(card):
    for _ in range(3):
        card.verify(WRONG)
    step = card.attempt(PKCS15_TOOL, "--unblock-pin", "--puk", "99999999", "--new-pin", "654321")
    assert step.status != 0 and "tries left: 2" in step.said
    assert card.flags() == {"user PIN locked"}
    card.run(PKCS15_TOOL, "--unblock-pin", "--puk", UNBLOCKING_CODE, "--new-pin", "654321")
    assert card.tries_left() == 3 and card.flags() == set()
    assert card.verify("654321").status == 0
    assert card.verify(PASSCODE).status != 0


def test_the_right_unblocking_code_gives_its_own_tries_back(tmp_path):
    with Card(tmp_path) as card:
        for _ in range(2):
            card.attempt(PKCS15_TOOL, "--unblock-pin", "--puk", "99999999", "--new-pin", "654321")
        card.run(YUBICO_TOOL, "-r", "Virtual", "-a", "unblock-pin", "-P", UNBLOCKING_CODE, "-N", "654321")
    assert shown(card.after)["unblocking-code"]["tries-left"] == 3


def test_the_unblocking_code_blocks_for_good(tmp_path):
    with Card(tmp_path) as card:
        for left in (2, 1):
            step = card.attempt(PKCS15_TOOL, "--unblock-pin", "--puk", "99999999", "--new-pin", "654321")
            assert f"tries left: {left}" in step.said
        for code in ("99999999", UNBLOCKING_CODE):
            step = card.attempt(PKCS15_TOOL, "--unblock-pin", "--puk", code, "--new-pin", "654321")
            assert step.status != 0
        assert card.verify("654321").status != 0
        assert card.verify(PASSCODE).status == 0  # which is another code
    assert shown(card.after)["unblocking-code"]["tries-left"] == 0


def test_the_unblocking_code_is_changed(card):
    card.run(PKCS15_TOOL, "--change-pin", "--auth-id", "02", "--pin", UNBLOCKING_CODE, "--new-pin", "87654321")
    step = card.attempt(PKCS15_TOOL, "--unblock-pin", "--puk", UNBLOCKING_CODE, "--new-pin", "654321")
    assert step.status != 0 and "tries left: 2" in step.said
    card.run(YUBICO_TOOL, "-r", "Virtual", "-a", "change-puk", "-P", "87654321", "-N", "11223344")
    card.run(PKCS15_TOOL, "--unblock-pin", "--puk", "11223344", "--new-pin", "654321")
    assert card.verify("654321").status == 0


def test_pkcs11_tools_unblocking_takes_the_code_for_the_old_passcode(card):
    """For PIV OpenSC's PKCS#11 module sends CHANGE REFERENCE DATA with the unblocking code as the old passcode: a
    good card counts that as a wrong passcode and leaves the unblocking code alone."""
    step = card.attempt(PKCS11_TOOL, "--unlock-pin", "--puk", UNBLOCKING_CODE, "--new-pin", "654321")
    assert step.status != 0 and "CKR_PIN_INCORRECT" in step.error
    assert card.tries_left() == 2
    assert card.verify(PASSCODE).status == 0


def test_a_login_as_security_officer_costs_nothing(tmp_path):
    """SP 800-73-4 part 2, 3.2.1: VERIFY of the unblocking code is refused with 6A88."""
    with Card(tmp_path) as card:
        for code in (UNBLOCKING_CODE, "99999999"):
            step = card.attempt(PKCS11_TOOL, "--login", "--login-type", "so", "--so-pin", code, "-O")
            assert step.status != 0 and "CKR_GENERAL_ERROR" in step.error
    state = shown(card.after)
    assert (state["passcode"]["tries-left"], state["unblocking-code"]["tries-left"]) == (3, 3)


def test_a_card_with_other_limits_counts_from_them(tmp_path):
    with Card(tmp_path, "passcode.tries=10", "passcode.value=01234567") as card:
        assert card.tries_left() == 10
        card.verify(WRONG)
        assert card.tries_left() == 9
        assert card.verify("01234567").status == 0
        assert card.tries_left() == 10
