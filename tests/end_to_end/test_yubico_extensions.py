"""The commands that Yubico's tokens have beside the standard's, as yubico-piv-tool uses them: version, serial number,
import of keys, attestation, other numbers of tries, another management key, reset."""

import re

import pytest

from client_session import (PASSCODE, UNBLOCKING_CODE, WRONG, need_pkcs11_tool, openssl, public_key, scratch,
                            self_made, verifies)
from rig_processes import need
from yubico_session import Tool, authority, message

OPENSC_TOOL = need("opensc-tool", "opensc")
PKCS15_TOOL = need("pkcs15-tool", "opensc")
PKCS11_TOOL = need_pkcs11_tool()

OTHER_MANAGEMENT_KEY = "A1A2A3A4A5A6A7A8B1B2B3B4B5B6B7B8C1C2C3C4C5C6C7C8"
WITH_OTHER = "--key=" + OTHER_MANAGEMENT_KEY
NOT_AUTHENTICATED = "Failed authentication with the application"


@pytest.fixture(scope="module")
def shared(scratch):
    """A card for all tests that make what they need in a slot, whatever was there before."""
    with Tool(scratch, "piv-yubico") as tool:
        yield tool


@pytest.fixture
def tool(tmp_path):
    with Tool(tmp_path, "piv-yubico") as tool:
        yield tool


def tries_left(tool):
    # The card is reset when the tool ends, so that no passcode is verified when it asks.
    return int(re.search(r"PIN tries left:\s+(\d+)", tool.piv("-a", "status").output)[1])


def block(tool):
    """Uses up all tries of passcode and unblocking code."""
    for _ in range(tries_left(tool)):
        tool.try_piv("-a", "verify-pin", "-P", WRONG)
    while "puk code is blocked" not in tool.try_piv("-a", "change-puk", "-P", "00000000", "-N", "11111111").said:
        pass


# --- what it is ---------------------------------------------------------------------------------------------------


def test_version_and_serial_number_are_the_profiles(tool):
    assert "Application version 5.4.3 found." in tool.piv("-a", "version").said
    said = tool.piv("-a", "status").output
    assert re.search(r"^Version:\s+5\.4\.3$", said, re.MULTILINE), said
    assert re.search(r"^Serial Number:\s+12345678$", said, re.MULTILINE), said


def test_opensc_uses_the_token_like_any_other_card(tool, authority, message, tmp_path):
    assert tool.run(OPENSC_TOOL, "-n").output == "Personal Identity Verification Card\n"
    made = {slot: tool.fill(authority, slot, algorithm)[0]
            for slot, algorithm in (("9a", "RSA2048"), ("9c", "ECCP256"), ("9e", "ECCP384"))}
    for identifier, slot, mechanism in (("01", "9a", "SHA256-RSA-PKCS"), ("02", "9c", "ECDSA-SHA256"),
                                        ("04", "9e", "ECDSA-SHA256")):
        signature = tmp_path / f"{slot}.signature"
        tool.run(PKCS11_TOOL, "--login", "--pin", PASSCODE, "--id", identifier, "--sign", "-m", mechanism,
                 "--signature-format", "openssl", "-i", message, "-o", signature)
        assert verifies(made[slot], signature, message)
    said = tool.run(PKCS11_TOOL, "--login", "--pin", PASSCODE, "-t").output
    assert said.rstrip().endswith("No errors"), said


# --- imported keys ------------------------------------------------------------------------------------------------

KINDS = {"RSA1024": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
         "RSA2048": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
         "ECCP256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
         "ECCP384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]}


def import_key(tool, slot, kind, *options):
    """A key made by openssl, on the card: the file of its public key."""
    private, public = self_made(tool.folder, f"{slot}-imported", *KINDS[kind])
    said = tool.piv("-s", slot, "-a", "import-key", "-i", private, *options).said
    assert "Successfully imported a new private key." in said
    return public


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("slot", ["9a", "9c", "82"])
def test_an_imported_key_signs(shared, message, tmp_path, slot, kind):
    public, signature = import_key(shared, slot, kind), tmp_path / "signature"
    digest = shared.sign(slot, kind, message, signature)
    assert verifies(public, signature, message, digest=digest)


@pytest.mark.parametrize("kind", KINDS)
def test_an_imported_key_manages_keys(shared, authority, tmp_path, kind):
    certificate = authority.certify(import_key(shared, "9d", kind), tmp_path / "9d.crt")
    shared.piv("-s", "9d", "-a", "import-certificate", "-i", certificate)
    said = shared.piv("-s", "9d", "-P", PASSCODE, "-a", "verify-pin", "-a", "test-decipher", "-i", certificate).said
    assert "Successfully performed" in said


def test_an_import_needs_the_management_key(tool, tmp_path):
    private, _ = self_made(tmp_path, "unwanted", *KINDS["ECCP256"])
    step = tool.try_piv(WITH_OTHER, "-s", "9a", "-a", "import-key", "-i", private)
    assert step.status != 0 and NOT_AUTHENTICATED in step.said


def test_an_imported_key_in_a_retired_slot_is_seen_with_its_certificate(tool, authority, tmp_path):
    """The key history counts it, made up by the card or written by the host."""
    certificate = authority.certify(import_key(tool, "82", "RSA2048"), tmp_path / "82.crt")
    tool.piv("-s", "82", "-a", "import-certificate", "-i", certificate)
    assert tool.run(PKCS15_TOOL, "--read-certificate", "05").output == certificate.read_text()
    history = tmp_path / "history"
    history.write_bytes(bytes.fromhex("C1 01 01 C2 01 00 F3 00 FE 00"))
    tool.piv("-a", "write-object", "--id", "0x5fc10c", "-f", "binary", "-i", history)
    assert tool.run(PKCS15_TOOL, "--read-certificate", "05").output == certificate.read_text()
    plain, secret, got = tmp_path / "plain", tmp_path / "secret", tmp_path / "got"
    plain.write_bytes(b"an old message's key")
    openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", public_key(certificate), "-in", plain, "-out", secret)
    tool.run(PKCS11_TOOL, "--login", "--pin", PASSCODE, "--id", "05", "--decrypt", "-m", "RSA-PKCS", "-i", secret,
             "-o", got)
    assert got.read_bytes() == plain.read_bytes()


# --- when a key wants the passcode --------------------------------------------------------------------------------


def signs(tool, slot, message, *before):
    """Whether the key in a slot signs after what is done before, in the same session of the tool."""
    before = before or ["-a", "version"]  # the tool wants an action
    step = tool.try_piv("-s", slot, "-A", "ECCP256", "-H", "SHA256", *before, "--sign", "-i", message, "-o",
                        tool.folder / "signature")
    assert ("Signature successful!" in step.said) != ("Failed signing!" in step.said), step
    return "Signature successful!" in step.said


@pytest.mark.parametrize("way", ["generated", "imported"])
@pytest.mark.parametrize("policy", ["never", "once", "always"])
def test_a_key_wants_the_passcode_as_it_was_told_when_made(shared, message, tmp_path, way, policy):
    if way == "generated":
        shared.piv("-s", "9a", "-A", "ECCP256", "--pin-policy", policy, "-a", "generate", "-o", tmp_path / "9a.pub")
    else:
        import_key(shared, "9a", "ECCP256", "--pin-policy", policy)
    assert signs(shared, "9a", message) == (policy == "never")
    assert signs(shared, "9a", message, "-P", PASSCODE, "-a", "verify-pin")


# --- attestation --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slot, algorithm",
                         [("9a", "RSA2048"), ("9c", "ECCP256"), ("9d", "ECCP384"), ("82", "ECCP256")])
def test_a_key_made_on_the_card_is_attested(shared, tmp_path, slot, algorithm):
    public, attestation, issuer = tmp_path / "public", tmp_path / "attestation", tmp_path / "issuer"
    shared.piv("-s", slot, "-A", algorithm, "-a", "generate", "-o", public)
    shared.piv("-s", slot, "-a", "attest", "-o", attestation)
    shared.piv("-s", "f9", "-a", "read-certificate", "-o", issuer)
    said = openssl("verify", "-partial_chain", "-CAfile", issuer, attestation)
    assert said.endswith(b": OK\n")
    assert public_key(attestation).read_bytes() == public.read_bytes()
    # Yubico's attestation: version under ...3.3, serial number (an INTEGER) under ...3.7.
    text = openssl("asn1parse", "-in", attestation).decode()
    assert re.search(r"1\.3\.6\.1\.4\.1\.41482\.3\.3\n.*OCTET STRING\s+\[HEX DUMP\]:050403\n", text), text
    assert re.search(r"1\.3\.6\.1\.4\.1\.41482\.3\.7\n.*OCTET STRING\s+\[HEX DUMP\]:020400BC614E\n", text), text


def test_an_attestation_speaks_of_the_key_that_is_there_now(shared, tmp_path):
    found = []
    for number in range(2):
        public, attestation = tmp_path / f"{number}.pub", tmp_path / f"{number}.crt"
        shared.piv("-s", "9a", "-A", "ECCP256", "-a", "generate", "-o", public)
        shared.piv("-s", "9a", "-a", "attest", "-o", attestation)
        assert public_key(attestation).read_bytes() == public.read_bytes()
        found.append(public.read_bytes())
    assert found[0] != found[1]


def test_neither_an_empty_slot_nor_an_imported_key_is_attested(tool, tmp_path):
    assert tool.try_piv("-s", "9a", "-a", "attest", "-o", tmp_path / "none").status != 0
    import_key(tool, "9a", "ECCP256")
    step = tool.try_piv("-s", "9a", "-a", "attest", "-o", tmp_path / "none")
    assert step.status != 0 and "Failed to attest data" in step.said


# --- codes, tries, and the management key -------------------------------------------------------------------------


def test_passcode_and_unblocking_code_are_changed_and_used(tool):
    tool.piv("-a", "change-pin", "-P", PASSCODE, "-N", "654321")
    assert tool.try_piv("-a", "verify-pin", "-P", PASSCODE).status != 0
    tool.piv("-a", "verify-pin", "-P", "654321")
    tool.piv("-a", "change-puk", "-P", UNBLOCKING_CODE, "-N", "87654321")
    step = tool.try_piv("-a", "unblock-pin", "-P", UNBLOCKING_CODE, "-N", "111111")
    assert step.status != 0 and "2 tries left" in step.said
    for _ in range(3):
        tool.try_piv("-a", "verify-pin", "-P", WRONG)
    assert tries_left(tool) == 0
    tool.piv("-a", "unblock-pin", "-P", "87654321", "-N", "111111")
    assert tries_left(tool) == 3
    tool.piv("-a", "verify-pin", "-P", "111111")


def test_numbers_of_tries_are_set_and_codes_are_the_first_ones_again(tool):
    tool.piv("-a", "change-pin", "-P", PASSCODE, "-N", "654321")
    tool.piv("-a", "change-puk", "-P", UNBLOCKING_CODE, "-N", "87654321")
    said = tool.piv("-P", "654321", "-a", "verify-pin", "-a", "pin-retries", "--pin-retries", "5", "--puk-retries",
                    "6").said
    assert "Successfully changed pin retries to 5 and puk retries to 6" in said
    assert tries_left(tool) == 5
    assert "4 tries left" in tool.try_piv("-a", "verify-pin", "-P", "654321").said
    tool.piv("-a", "verify-pin", "-P", PASSCODE)
    assert tries_left(tool) == 5
    step = tool.try_piv("-a", "change-puk", "-P", "87654321", "-N", "11111111")
    assert "5 tries left" in step.said
    tool.piv("-a", "change-puk", "-P", UNBLOCKING_CODE, "-N", "11111111")


def test_numbers_of_tries_are_not_set_without_passcode_and_management_key(tool):
    retries = ["-a", "pin-retries", "--pin-retries", "5", "--puk-retries", "6"]
    assert tool.try_piv(*retries).status != 0
    step = tool.try_piv(WITH_OTHER, "-P", PASSCODE, "-a", "verify-pin", *retries)
    assert step.status != 0 and NOT_AUTHENTICATED in step.said
    assert tries_left(tool) == 3


def test_the_management_key_is_replaced(tool):
    said = tool.piv("-a", "set-mgm-key", "-n", OTHER_MANAGEMENT_KEY).said
    assert "Successfully set new management key." in said
    step = tool.try_piv("-a", "set-chuid")
    assert step.status != 0 and NOT_AUTHENTICATED in step.said
    tool.piv(WITH_OTHER, "-a", "set-chuid")
    tool.piv(WITH_OTHER, "-a", "set-mgm-key", "-n", "0102030405060708" * 3)
    tool.piv("-a", "set-chuid")


# --- reset --------------------------------------------------------------------------------------------------------


def test_a_card_that_is_not_blocked_is_not_reset(tool, authority):
    _, certificate = tool.fill(authority, "9a", "ECCP256")
    step = tool.try_piv("-a", "reset")
    assert step.status != 0 and "Reset failed" in step.said
    for _ in range(3):
        tool.try_piv("-a", "verify-pin", "-P", WRONG)
    assert tool.try_piv("-a", "reset").status != 0  # the unblocking code still has tries
    assert tool.run(PKCS15_TOOL, "--read-certificate", "01").output == certificate.read_text()


def test_a_blocked_card_is_reset_to_what_it_was_when_new(tool, authority, message, tmp_path):
    slots = ("9a", "9c", "9e", "82")
    for slot in slots:
        tool.fill(authority, slot, "ECCP256")
    tool.piv("-a", "change-pin", "-P", PASSCODE, "-N", "654321")
    tool.piv("-P", "654321", "-a", "verify-pin", "-a", "pin-retries", "--pin-retries", "5", "--puk-retries", "5")
    tool.piv("-a", "set-mgm-key", "-n", OTHER_MANAGEMENT_KEY)
    block(tool)
    assert "Successfully reset the application." in tool.piv("-a", "reset").said
    status = tool.piv("-a", "status").output
    assert "Slot" not in status
    assert re.search(r"^Serial Number:\s+12345678$", status, re.MULTILINE)
    assert tries_left(tool) == 3
    tool.piv("-a", "verify-pin", "-P", PASSCODE)
    tool.piv("-a", "change-puk", "-P", UNBLOCKING_CODE, "-N", "87654321")
    assert tool.try_piv(WITH_OTHER, "-a", "set-chuid").status != 0
    for slot in slots:
        assert not signs(tool, slot, message, "-P", PASSCODE, "-a", "verify-pin")
    # It makes keys again, and still vouches for them.
    public, _ = tool.fill(authority, "9a", "ECCP256")
    tool.piv("-s", "9a", "-a", "attest", "-o", tmp_path / "attestation")
    tool.piv("-s", "f9", "-a", "read-certificate", "-o", tmp_path / "issuer")
    assert openssl("verify", "-partial_chain", "-CAfile", tmp_path / "issuer",
                   tmp_path / "attestation").endswith(b": OK\n")
    assert public_key(tmp_path / "attestation").read_bytes() == public.read_bytes()
