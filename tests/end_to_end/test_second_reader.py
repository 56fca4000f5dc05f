"""Two cards in two readers: clients tell them apart, use the one that they name, and leave the other alone."""

import hashlib
import re

import pytest

from client_session import (PASSCODE, WRONG, Authority, Session, need_pkcs11_tool, new_card, openssl, public_key, shown,
                            verifies)
from rig_processes import need, reader_name

OPENSC_TOOL = need("opensc-tool", "opensc")
PKCS15_TOOL = need("pkcs15-tool", "opensc")
PKCS11_TOOL = need_pkcs11_tool()
YUBICO_TOOL = need("yubico-piv-tool", "yubico-piv-tool")
need("pcscd", "pcscd")

READERS = [reader_name(0), reader_name(1)]
# The second card has other keys, for another holder, and another passcode; one of its kinds of key is another.
SECOND = ("holder.name=Second Holder", "guid=22222222222222222222222222222222", "passcode.value=246802",
          "certificates={9A: {algorithm: p-256, expires: 1 year}, 9C: {algorithm: p-256, expires: 1 year}}")
SECOND_PASSCODE = "246802"


# How each tool is told which reader to use.
BY_NUMBER = ["--reader", "1"]
BY_SLOT = ["--slot-index", "1", "--login", "--pin", SECOND_PASSCODE]
BY_NAME = ["-r", READERS[1]]


@pytest.fixture
def cards(tmp_path):
    return [new_card(tmp_path / "first", "holder.name=First Holder"), new_card(tmp_path / "second", *SECOND)]


@pytest.fixture
def rig(cards, tmp_path):
    """A rig with both cards; it keeps what became of the first one in `after`."""
    with Session(cards, tmp_path, options=["--image", str(tmp_path / "after")]) as session:
        yield session


def certificate_of(session, path, *reader):
    session.run(PKCS15_TOOL, *reader, "--read-certificate", "01", "-o", path)
    return path


def test_both_readers_are_listed_with_their_cards(rig):
    listed = rig.run(OPENSC_TOOL, "-l").output
    assert re.findall(r"^(\d)\s+Yes\s+(.*Virtual.*)$", listed, re.MULTILINE) == [("0", READERS[0]), ("1", READERS[1])]
    assert rig.run(YUBICO_TOOL, "-r", "Virtual", "-a", "list-readers").output.splitlines() == READERS
    tokens = re.findall(r"^Slot [^:]*: (.*Virtual.*)\n\s+token label\s+: (.*)$", rig.run(PKCS11_TOOL, "-L").output,
                        re.MULTILINE)
    assert tokens == list(zip(READERS, ["First Holder", "Second Holder"]))


def test_each_reader_shows_its_own_card(rig, cards, tmp_path):
    for number, card in enumerate(cards):
        path = certificate_of(rig, tmp_path / f"{number}.crt", "--reader", str(number))
        digest = hashlib.sha256(openssl("x509", "-in", path, "-outform", "DER")).hexdigest().upper()
        assert digest == shown(card)["slots"][0]["certificate"]["sha256"].upper()
        status = rig.run(YUBICO_TOOL, "-r", READERS[number], "-a", "status").output
        assert digest.lower() in status
        assert shown(card)["guid"].lower() in status


def test_the_second_cards_key_signs_and_the_first_card_stays_as_it_was(cards, tmp_path):
    message, signature = tmp_path / "message", tmp_path / "signature"
    message.write_bytes(b"for the second card")
    with Session(cards, tmp_path, options=["--image", str(tmp_path / "after")]) as session:
        first, second = (certificate_of(session, tmp_path / f"{number}.crt", "--reader", str(number))
                         for number in (0, 1))
        session.run(PKCS11_TOOL, *BY_SLOT, "--id", "01", "--sign", "-m", "ECDSA-SHA256", "--signature-format",
                    "openssl", "-i", message, "-o", signature)
    assert verifies(public_key(second), signature, message)
    assert not verifies(public_key(first), signature, message)
    assert (tmp_path / "after").read_bytes() == cards[0].read_bytes()


def test_each_card_takes_its_own_passcode_and_counts_its_own_tries(rig):
    def tries(number):
        said = rig.run(YUBICO_TOOL, "-r", READERS[number], "-a", "status").output
        return int(re.search(r"PIN tries left:\s+(\d+)", said)[1])

    assert rig.attempt(YUBICO_TOOL, *BY_NAME, "-a", "verify-pin", "-P", WRONG).status != 0
    assert rig.attempt(YUBICO_TOOL, *BY_NAME, "-a", "verify-pin", "-P", PASSCODE).status != 0  # the other card's
    assert (tries(0), tries(1)) == (3, 1)
    rig.run(YUBICO_TOOL, *BY_NAME, "-a", "verify-pin", "-P", SECOND_PASSCODE)
    rig.run(YUBICO_TOOL, "-r", READERS[0], "-a", "verify-pin", "-P", PASSCODE)
    assert (tries(0), tries(1)) == (3, 3)


def test_a_new_key_on_the_second_card_is_nowhere_on_the_first(cards, tmp_path):
    public, certificate = tmp_path / "new.pub", tmp_path / "new.crt"
    message, signature = tmp_path / "message", tmp_path / "signature"
    message.write_bytes(b"with the new key")
    with Session(cards, tmp_path, options=["--image", str(tmp_path / "after")]) as session:
        tool = [YUBICO_TOOL, *BY_NAME, "-s", "9c"]
        session.run(*tool, "-A", "ECCP256", "-a", "generate", "-o", public)
        Authority(tmp_path).certify(public, certificate)
        session.run(*tool, "-a", "import-certificate", "-i", certificate)
        session.run(PKCS11_TOOL, *BY_SLOT, "--id", "02", "--sign", "-m", "ECDSA-SHA256", "--signature-format",
                    "openssl", "-i", message, "-o", signature)
        session.run(PKCS15_TOOL, *BY_NUMBER, "--read-certificate", "02", "-o", tmp_path / "read.crt")
    assert (tmp_path / "read.crt").read_text() == certificate.read_text()
    assert verifies(public, signature, message)
    assert (tmp_path / "after").read_bytes() == cards[0].read_bytes()


def test_cards_that_change_places_are_found_out(cards, tmp_path):
    """What the second reader's card signs does not verify under the certificate that was there before."""
    message = tmp_path / "message"
    message.write_bytes(b"whose?")
    found = []
    for order, passcode, mechanism in ((cards, SECOND_PASSCODE, "ECDSA-SHA256"),
                                       (cards[::-1], PASSCODE, "SHA256-RSA-PKCS")):
        certificate, signature = tmp_path / f"{mechanism}.crt", tmp_path / f"{mechanism}.signature"
        with Session(order, tmp_path) as session:
            certificate_of(session, certificate, *BY_NUMBER)
            session.run(PKCS11_TOOL, "--slot-index", "1", "--login", "--pin", passcode, "--id", "01", "--sign", "-m",
                        mechanism, "--signature-format", "openssl", "-i", message, "-o", signature)
        found.append((public_key(certificate), signature))
    for (public, own), (_, other) in (found, found[::-1]):
        assert verifies(public, own, message)
        assert not verifies(public, other, message)
