"""yubico-piv-tool on a plain PIV card: it fills a blank one with keys and certificates in every slot and uses them;
openssl and OpenSC's tools say whether that is so."""

import re

import pytest

from client_session import PASSCODE, der, public_key, scratch, shown, verifies
from rig_processes import need
from yubico_session import EVERY_SLOT, Tool, authority, message, shared, tool

PKCS15_TOOL = need("pkcs15-tool", "opensc")


def test_a_blank_card_is_found_blank(tool):
    said = tool.piv("-a", "status").output
    assert "Slot" not in said
    assert re.search(r"PIN tries left:\s+3$", said, re.MULTILINE)
    for slot in EVERY_SLOT:
        step = tool.try_piv("-s", slot, "-a", "read-certificate")
        assert step.status != 0 and "Failed fetching certificate" in step.said


def test_a_plain_card_has_no_version_and_is_used_all_the_same(tool):
    """The tool's own command for it is not in the standard, and is answered 6D00."""
    step = tool.try_piv("-a", "version")
    assert "Failed to retrieve application version" in step.said
    assert "Successfully verified PIN." in tool.piv("-a", "verify-pin", "-P", PASSCODE).said


KINDS = [("9a", "RSA2048"), ("9a", "ECCP256"), ("9c", "ECCP256"), ("9c", "RSA2048"), ("9d", "ECCP384"),
         ("9d", "ECCP256"), ("9e", "RSA2048"), ("9e", "RSA1024"), ("82", "ECCP384"), ("95", "RSA2048")]


@pytest.mark.parametrize("slot, algorithm", KINDS)
def test_a_new_key_signs_under_its_new_certificate(shared, authority, message, tmp_path, slot, algorithm):
    public, certificate = shared.fill(authority, slot, algorithm)
    shared.piv("-s", slot, "-a", "read-certificate", "-o", tmp_path / "read.crt")
    assert der(tmp_path / "read.crt") == der(certificate)
    said = shared.piv("-s", slot, "-P", PASSCODE, "-a", "verify-pin", "-a", "test-signature", "-i", certificate).said
    assert re.search("Successful (RSA|ECDSA) verification.", said), said
    signature = tmp_path / "signature"
    digest = shared.sign(slot, algorithm, message, signature)
    assert verifies(public, signature, message, digest=digest)
    message.write_bytes(message.read_bytes() + b".")
    assert not verifies(public, signature, message, digest=digest)


@pytest.mark.parametrize("slot, algorithm", [kind for kind in KINDS if kind[1].startswith("RSA")])
def test_a_new_rsa_key_deciphers(shared, authority, slot, algorithm):
    _, certificate = shared.fill(authority, slot, algorithm)
    said = shared.piv("-s", slot, "-P", PASSCODE, "-a", "verify-pin", "-a", "test-decipher", "-i", certificate).said
    assert "Successfully performed RSA decryption!" in said


# SP 800-73-4 part 1, 3.2: of the elliptic keys, those for key management agree on secrets.
@pytest.mark.parametrize("slot, algorithm", [("9d", "ECCP256"), ("9d", "ECCP384"), ("95", "ECCP256")])
def test_a_new_elliptic_key_for_key_management_agrees_on_a_secret(shared, authority, slot, algorithm):
    _, certificate = shared.fill(authority, slot, algorithm)
    said = shared.piv("-s", slot, "-P", PASSCODE, "-a", "verify-pin", "-a", "test-decipher", "-i", certificate).said
    assert "Successfully performed ECDH exchange with card." in said


def test_without_the_passcode_only_the_card_authentication_key_works(shared, authority, tmp_path):
    for slot in ("9a", "9c", "9d", "9e", "82"):
        _, certificate = shared.fill(authority, slot, "ECCP256")
        step = shared.try_piv("-s", slot, "-a", "test-signature", "-i", certificate)
        assert ("Successful ECDSA verification." in step.said) == (slot == "9e"), (slot, step)


def test_a_test_against_another_certificate_fails(shared, authority):
    """The control: the tool does verify what it got."""
    shared.fill(authority, "9a", "ECCP256")
    _, other = shared.fill(authority, "9e", "ECCP256")
    step = shared.try_piv("-s", "9a", "-P", PASSCODE, "-a", "verify-pin", "-a", "test-signature", "-i", other)
    assert "Successful ECDSA verification." not in step.said
    assert "Failed ECDSA verification." in step.said


def test_a_second_key_replaces_the_first_and_leaves_the_certificate(shared, authority, message, tmp_path):
    first, certificate = shared.fill(authority, "9a", "ECCP256")
    old = first.read_bytes()
    shared.piv("-s", "9a", "-A", "ECCP256", "-a", "generate", "-o", first)
    assert first.read_bytes() != old
    assert shared.run(PKCS15_TOOL, "--read-certificate", "01").output == certificate.read_text()
    signature = tmp_path / "signature"
    shared.sign("9a", "ECCP256", message, signature)
    assert verifies(first, signature, message)
    assert not verifies(public_key(certificate), signature, message)


def test_every_slot_holds_a_key_and_a_certificate(tmp_path, authority, message):
    with Tool(tmp_path) as tool:
        made = {slot: tool.fill(authority, slot, "ECCP256") for slot in EVERY_SLOT}
        status = tool.piv("-a", "status").output
        for slot in EVERY_SLOT:
            listed = rf"Slot {slot}:\s+Algorithm:\s+ECCP256\s+Subject DN:\s+CN=Holder of {slot}\n"
            assert re.search(listed, status), slot
        # OpenSC counts the retired keys by the key history, which the card makes up as long as no host wrote it.
        listed = tool.run(PKCS15_TOOL, "-c").output
        assert len(re.findall(r"Retired Certificate for Key Management \d+\]", listed)) == 20
        for slot in ("9a", "9e", "82", "95"):
            signature = tmp_path / f"{slot}.signature"
            tool.sign(slot, "ECCP256", message, signature)
            assert [other for other in EVERY_SLOT if verifies(made[other][0], signature, message)] == [slot]
    slots = {slot["reference"].lower(): slot for slot in shown(tool.after)["slots"]}
    assert sorted(slots) == sorted(EVERY_SLOT)
    assert all(slot["certificate"]["matches-key"] for slot in slots.values())
