"""OpenSC's own tools: opensc-tool, pkcs15-tool, pkcs15-crypt, piv-tool and pkcs11-tool's self-test find everything that
is on the card and write what can be read back."""

import gzip
import hashlib
import re

import pytest

from client_session import (EVERY_KEY, PASSCODE, Authority, Session, bytes_printed, der, need_pkcs11_tool, new_card,
                            openssl, public_key, scratch, self_made, shown, verifies)
from rig_processes import need, reader_name

OPENSC_TOOL = need("opensc-tool", "opensc")
PKCS15_TOOL = need("pkcs15-tool", "opensc")
PKCS15_CRYPT = need("pkcs15-crypt", "opensc")
PKCS11_TOOL = need_pkcs11_tool()
PIV_TOOL = need("piv-tool", "opensc")
YUBICO_TOOL = need("yubico-piv-tool", "yubico-piv-tool")
need("pcscd", "pcscd")

# OpenSC's identifiers for the card's keys (SP 800-73-4 part 1, table 4b).
SLOTS = {"01": "9A", "02": "9C", "03": "9D", "04": "9E", "05": "82"}
# SP 800-73-4 part 1, table 3: object identifiers of the card holder unique identifier and the printed information.
CHUID, PRINTED_INFORMATION = "2.16.840.1.101.3.7.2.48.0", "2.16.840.1.101.3.7.2.48.1"


@pytest.fixture(scope="module")
def image(scratch):
    return new_card(scratch / "card", *EVERY_KEY)


@pytest.fixture(scope="module")
def session(image, scratch):
    """One rig for all tests that only read."""
    with Session([image], scratch) as session:
        yield session


@pytest.fixture(scope="module")
def certificates(session, scratch):
    """By OpenSC's identifier, a file with the certificate that it read."""
    found = {}
    for identifier in SLOTS:
        found[identifier] = scratch / f"{identifier}.crt"
        session.run(PKCS15_TOOL, "--read-certificate", identifier, "-o", found[identifier])
    return found


@pytest.fixture(scope="module")
def message(scratch):
    path = scratch / "message"
    path.write_bytes(b"to be signed " * 100)
    return path


# --- what is on the card -----------------------------------------------------------------------------------------


def test_readers_card_and_answer_to_reset_are_what_the_profile_says(session):
    listed = session.run(OPENSC_TOOL, "--list-readers").output
    assert re.search(rf"^0\s+Yes\s+{reader_name()}$", listed, re.MULTILINE), listed
    assert session.run(OPENSC_TOOL, "-a").output == "3b:8b:01:80:f9:a0:00:00:03:08:00:00:10:00:48\n"
    for tool in (OPENSC_TOOL, PIV_TOOL):
        assert session.run(tool, "-n").output == "Personal Identity Verification Card\n"


def test_every_certificate_is_read_as_it_is_on_the_card(image, certificates):
    slots = {slot["reference"]: slot for slot in shown(image)["slots"]}
    for identifier, path in certificates.items():
        sha256 = slots[SLOTS[identifier]]["certificate"]["sha256"]
        assert hashlib.sha256(der(path)).hexdigest().upper() == sha256.upper(), identifier


def test_the_list_of_certificates_has_their_serial_numbers(session, certificates):
    listed = session.run(PKCS15_TOOL, "-c").output
    found = dict(re.findall(r"ID\s+: (\d\d)\n\s+Encoded serial : 02 [0-9A-F]{2} ([0-9A-F]+)", listed))
    serials = {identifier: openssl("x509", "-in", path, "-noout", "-serial").decode().strip().split("=")[1]
               for identifier, path in certificates.items()}
    assert found == serials


def test_public_keys_are_those_of_the_certificates(session, certificates):
    for identifier, path in certificates.items():
        assert session.run(PKCS15_TOOL, "--read-public-key", identifier).output == public_key(path).read_text()


def test_keys_are_listed_with_reference_kind_and_use(session):
    dumped = session.run(PKCS15_TOOL, "-D").output
    keys = re.findall(r"^Private (RSA|EC) Key \[(.+?)\].*?Usage\s+: \[0x\w+\], (.+?)\n"
                      r".*?(?:ModLength|FieldLength)\s+: (\d+)\n.*?Key ref\s+: \d+ \(0x(\w\w)\).*?^\tID\s+: (\d\d)$",
                      dumped, re.MULTILINE | re.DOTALL)
    assert sorted(keys, key=lambda key: key[5]) == [
        ("RSA", "PIV AUTH key", "decrypt, sign, signRecover, unwrap", "2048", "9A", "01"),
        ("EC", "SIGN key", "sign, nonRepudiation", "256", "9C", "02"),
        ("EC", "KEY MAN key", "derive", "256", "9D", "03"),
        ("EC", "CARD AUTH key", "sign", "384", "9E", "04"),
        ("RSA", "Retired KEY MAN 1", "decrypt, unwrap", "2048", "82", "05")]


def test_passcode_and_unblocking_code_are_listed_with_their_references(session):
    listed = session.run(PKCS15_TOOL, "--list-pins").output
    pins = re.findall(r"^PIN \[(.+?)\].*?stored_len:(\d+).*?Pad char\s+: (\w+).*?Reference\s+: (\d+) ", listed,
                      re.MULTILINE | re.DOTALL)
    assert pins == [("PIN", "8", "0xFF", "128"), ("PIV PUK", "8", "0xFF", "129")]


def test_pkcs11_lists_the_same_keys_and_which_one_asks_for_the_passcode_each_time(session):
    listed = session.run(PKCS11_TOOL, "--login", "--pin", PASSCODE, "-O", "--type", "privkey").output
    keys = re.findall(r"^Private Key Object; (RSA|EC).*?ID:\s+(\d\d)\n\s+Usage:\s+(.+?)\n\s+Access:\s+(.+?)$", listed,
                      re.MULTILINE | re.DOTALL)
    assert sorted((identifier, kind, usage) for kind, identifier, usage, _ in keys) == [
        ("01", "RSA", "decrypt, sign, unwrap"), ("02", "EC", "sign, non-repudiation"), ("03", "EC", "derive"),
        ("04", "EC", "sign"), ("05", "RSA", "decrypt, unwrap")]
    # SP 800-73-4 part 1, 3.2.2; of the retired keys OpenSC believes nothing of that kind.
    assert [identifier for _, identifier, _, access in keys if access.startswith("always authenticate")] == ["02"]


def test_pkcs11_finds_no_errors_with_any_of_the_keys(session):
    said = session.run(PKCS11_TOOL, "--login", "--pin", PASSCODE, "-t").output
    assert said.rstrip().endswith("No errors"), said
    # The card's challenges serve as random numbers.
    assert re.search(r"C_GenerateRandom\(\):\n(.*not supported\n)?\s+seems to be OK", said), said
    for key in ("PIV AUTH key", "Retired KEY MAN 1"):
        assert key in said


def test_random_numbers_never_repeat(session, scratch):
    for number in range(2):
        session.run(PKCS11_TOOL, "--generate-random", "100", "-o", scratch / f"random{number}")
    drawn = b"".join((scratch / f"random{number}").read_bytes() for number in range(2))
    blocks = [drawn[at:at + 8] for at in range(0, 200, 8)]
    assert len(drawn) == 200
    assert len(set(blocks)) == len(blocks)


def test_data_objects_are_read_by_all_tools_alike(session, image, scratch):
    by_pkcs15, by_pkcs11 = scratch / "chuid.15", scratch / "chuid.11"
    session.run(PKCS15_TOOL, "-R", CHUID, "-o", by_pkcs15)
    session.run(PKCS11_TOOL, "--read-object", "--type", "data", "--application-id", CHUID, "-o", by_pkcs11)
    sent = session.run(OPENSC_TOOL, "-s", "00A4040009A00000030800001000", "-s", "00CB3FFF055C035FC10200").output
    content = by_pkcs15.read_bytes()
    assert content == by_pkcs11.read_bytes()
    assert bytes_printed(sent).endswith(content)
    assert bytes.fromhex("3410" + shown(image)["guid"]) in content


def test_the_serial_number_is_the_cards(session, image):
    assert bytes_printed(session.run(PIV_TOOL, "--serial").output).hex().upper() == shown(image)["guid"]


# --- pkcs15-crypt ------------------------------------------------------------------------------------------------


def digest_of(message, path, algorithm):
    path.write_bytes(openssl("dgst", f"-{algorithm}", "-binary", message))
    return path


def test_rsa_signature_verifies(session, certificates, message, tmp_path):
    digest, signature = digest_of(message, tmp_path / "digest", "sha256"), tmp_path / "signature"
    session.run(PKCS15_CRYPT, "-s", "-k", "01", "--pkcs1", "--sha-256", "-i", digest, "-o", signature, "-R", "-p",
                PASSCODE)
    assert verifies(public_key(certificates["01"]), signature, message)


def test_signature_with_the_key_that_wants_the_passcode_each_time_verifies(session, certificates, message, tmp_path):
    digest, signature = digest_of(message, tmp_path / "digest", "sha256"), tmp_path / "signature"
    session.run(PKCS15_CRYPT, "-s", "-k", "02", "--sha-256", "-f", "openssl", "-i", digest, "-o", signature, "-p",
                PASSCODE)
    assert verifies(public_key(certificates["02"]), signature, message)


def test_the_card_authenticates_itself_without_a_passcode(session, certificates, message, tmp_path):
    """SP 800-73-4 part 1, 3.1.3: 9E, for readers at doors. The same without a passcode fails for 9A."""
    digest, signature = digest_of(message, tmp_path / "digest", "sha384"), tmp_path / "signature"
    session.run(PKCS15_CRYPT, "-s", "-k", "04", "--sha-384", "-f", "openssl", "-i", digest, "-o", signature)
    assert verifies(public_key(certificates["04"]), signature, message, digest="sha384")
    refused = session.attempt(PKCS15_CRYPT, "-s", "-k", "01", "--pkcs1", "--sha-384", "-i", digest, "-o",
                              tmp_path / "none")
    assert refused.status != 0 and not (tmp_path / "none").exists()


@pytest.mark.parametrize("identifier", ["01", "05"])
def test_what_openssl_encrypts_is_deciphered(session, certificates, tmp_path, identifier):
    plain, secret, got = tmp_path / "plain", tmp_path / "secret", tmp_path / "got"
    plain.write_bytes(b"a session key")
    openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", public_key(certificates[identifier]), "-in", plain, "-out",
            secret)
    session.run(PKCS15_CRYPT, "-c", "-k", identifier, "--pkcs1", "-i", secret, "-o", got, "-R", "-p", PASSCODE)
    assert got.read_bytes() == plain.read_bytes()


# --- piv-tool, which writes ---------------------------------------------------------------------------------------


@pytest.fixture
def writing(tmp_path):
    """A rig around a card of the test's own, and piv-tool authenticated with the management key."""
    (tmp_path / "management-key").write_text(":".join(["01", "02", "03", "04", "05", "06", "07", "08"] * 3))
    environment = {"PIV_EXT_AUTH_KEY": str(tmp_path / "management-key")}
    image = new_card(tmp_path / "card", *EVERY_KEY)
    with Session([image], tmp_path, options=["--image", str(tmp_path / "after")]) as session:

        def piv_tool(*words):
            # Its exit status is the number of bytes that it wrote: what counts is what can be read back.
            return session.attempt(PIV_TOOL, "-A", "M:9B:03", *words, environment=environment)

        yield session, piv_tool


def other_certificate(folder, slot):
    public = self_made(folder, f"other-{slot}", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")[1]
    return Authority(folder).certify(public, folder / f"other-{slot}.crt", subject=f"/CN=Other in {slot}")


@pytest.mark.parametrize("slot, identifier", [("9A", "01"), ("9C", "02"), ("9D", "03"), ("9E", "04")])
def test_piv_tool_writes_a_certificate_that_others_read(writing, tmp_path, slot, identifier):
    session, piv_tool = writing
    certificate = other_certificate(tmp_path, slot)
    before = session.run(PKCS15_TOOL, "--read-certificate", identifier).output
    piv_tool("-C", slot, "-i", certificate)
    after = session.run(PKCS15_TOOL, "--read-certificate", identifier).output
    assert after == certificate.read_text() != before


def test_a_compressed_certificate_is_stored_as_it_came_and_opensc_expands_it(writing, tmp_path):
    session, piv_tool = writing
    certificate = other_certificate(tmp_path, "9E")
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(der(certificate)))
    piv_tool("-Z", "9E", "-i", packed)
    assert session.run(PKCS15_TOOL, "--read-certificate", "04").output == certificate.read_text()
    sent = session.run(OPENSC_TOOL, "-s", "00A4040009A00000030800001000", "-s", "00CB3FFF055C035FC10100").output
    # SP 800-73-4 part 1, appendix A, table 39: CertInfo says that it is compressed.
    assert packed.read_bytes() in bytes_printed(sent)
    assert bytes_printed(sent).endswith(bytes.fromhex("710101FE00"))


def test_a_protected_object_is_read_with_the_passcode_alone(writing, tmp_path):
    session, piv_tool = writing
    content = tmp_path / "printed"
    content.write_bytes(bytes.fromhex("53 0D 01 04 4E616D65 02 03 313233 FE 00"))
    piv_tool("-O", "3001", "-i", content)
    read = tmp_path / "read"
    session.run(PKCS15_TOOL, "--verify-pin", "--pin", PASSCODE, "-R", PRINTED_INFORMATION, "-o", read)
    assert read.read_bytes() == content.read_bytes()
    session.run(PKCS11_TOOL, "--login", "--pin", PASSCODE, "--read-object", "--type", "data", "--application-id",
                PRINTED_INFORMATION, "-o", tmp_path / "read11")
    assert (tmp_path / "read11").read_bytes() == content.read_bytes()
    without = session.attempt(PKCS11_TOOL, "--read-object", "--type", "data", "--application-id", PRINTED_INFORMATION,
                              "-o", tmp_path / "none")
    assert without.status != 0 and not (tmp_path / "none").exists()


def test_piv_tool_with_a_wrong_management_key_writes_nothing(writing, tmp_path):
    session, _ = writing
    (tmp_path / "wrong").write_text(":".join(["01"] * 24))
    certificate = other_certificate(tmp_path, "9A")
    before = session.run(PKCS15_TOOL, "--read-certificate", "01").output
    step = session.attempt(PIV_TOOL, "-A", "M:9B:03", "-C", "9A", "-i", certificate,
                           environment={"PIV_EXT_AUTH_KEY": str(tmp_path / "wrong")})
    assert "admin_mode failed" in step.said
    assert session.run(PKCS15_TOOL, "--read-certificate", "01").output == before


# SP 800-78-4, table 6-2: identifiers of the algorithms of management keys.
@pytest.mark.parametrize("algorithm, identifier, size", [("aes-128", "08", 16), ("aes-192", "0A", 24),
                                                         ("aes-256", "0C", 32)])
def test_piv_tool_writes_with_a_management_key_of_another_kind(tmp_path, algorithm, identifier, size):
    key = bytes(range(size)).hex()
    card = new_card(tmp_path / "card", f'management-key={{algorithm: {algorithm}, value: "{key}"}}')
    (tmp_path / "management-key").write_text(":".join(key[at:at + 2] for at in range(0, 2 * size, 2)))
    environment = {"PIV_EXT_AUTH_KEY": str(tmp_path / "management-key")}
    certificate = other_certificate(tmp_path, "9A")
    with Session([card], tmp_path) as session:
        # Yubico's tool of Debian 12 knows triple DES alone.
        refused = session.attempt(YUBICO_TOOL, "-r", "Virtual", "-s", "9a", "-a", "delete-certificate")
        assert refused.status != 0 and "Failed authentication with the application" in refused.said
        session.attempt(PIV_TOOL, "-A", f"M:9B:{identifier}", "-C", "9A", "-i", certificate, environment=environment)
        assert session.run(PKCS15_TOOL, "--read-certificate", "01").output == certificate.read_text()


def test_piv_tool_sends_any_command(session):
    sent = session.attempt(PIV_TOOL, "-s", "00:20:00:81:08:31:32:33:34:35:36:37:38")
    # SP 800-73-4 part 2, 3.2.1: the unblocking code is not to be verified.
    assert "SW1=0x6A, SW2=0x88" in sent.output


def test_opensc_sees_as_many_retired_keys_as_the_key_history_says(writing, tmp_path):
    """SP 800-73-4 part 1, 3.3.3. Before a host wrote it, the card makes it up from what it holds."""
    session, piv_tool = writing

    def retired():
        return "Retired Certificate for Key Management 1" in session.run(PKCS15_TOOL, "-c").output

    assert retired()
    history = tmp_path / "history"
    for count in (0, 1):
        history.write_bytes(bytes.fromhex(f"53 0A C1 01 {count:02X} C2 01 00 F3 00 FE 00"))
        piv_tool("-O", "6060", "-i", history)
        assert retired() == bool(count)


# --- other cards --------------------------------------------------------------------------------------------------


def test_opensc_gets_on_with_a_card_by_the_letter_of_the_standard(tmp_path):
    """Its signature key wants VERIFY as the very last command before; its printed information is filled in."""
    message = tmp_path / "message"
    message.write_bytes(b"strict")
    with Session([new_card(tmp_path / "card", profile="piv-strict")], tmp_path) as session:
        certificate, signature, printed = tmp_path / "02.crt", tmp_path / "signature", tmp_path / "printed"
        session.run(PKCS15_TOOL, "--read-certificate", "02", "-o", certificate)
        session.run(PKCS11_TOOL, "--login", "--pin", PASSCODE, "--id", "02", "--sign", "-m", "ECDSA-SHA256",
                    "--signature-format", "openssl", "-i", message, "-o", signature)
        assert verifies(public_key(certificate), signature, message)
        session.run(PKCS15_TOOL, "--verify-pin", "--pin", PASSCODE, "-R", PRINTED_INFORMATION, "-o", printed)
        assert b"Test Holder" in printed.read_bytes()
        said = session.run(PKCS11_TOOL, "--login", "--pin", PASSCODE, "-t").output
        assert said.rstrip().endswith("No errors"), said


# --- a card without T=1 -------------------------------------------------------------------------------------------


def test_a_card_that_speaks_only_the_older_protocol_works(tmp_path):
    """ISO/IEC 7816-3, 8.2.3: without TD1, T=0. Commands then come without Le."""
    card = new_card(tmp_path / "card", "atr=3B 0B 80 F9 A0 00 00 03 08 00 00 10 00", *EVERY_KEY)
    message, trace = tmp_path / "message", tmp_path / "trace"
    message.write_bytes(b"older")
    with Session([card], tmp_path, options=["--trace", str(trace)]) as session:
        connected = session.run(OPENSC_TOOL, "-n", environment={"OPENSC_DEBUG": "9"})
        assert "Initial protocol: T=0" in connected.error
        assert connected.output == "Personal Identity Verification Card\n"
        for identifier, mechanism in (("01", "SHA256-RSA-PKCS"), ("02", "ECDSA-SHA256")):
            certificate, signature = tmp_path / f"{identifier}.crt", tmp_path / f"{identifier}.signature"
            session.run(PKCS15_TOOL, "--read-certificate", identifier, "-o", certificate)
            session.run(PKCS11_TOOL, "--login", "--pin", PASSCODE, "--id", identifier, "--sign", "-m", mechanism,
                        "--signature-format", "openssl", "-i", message, "-o", signature)
            assert verifies(public_key(certificate), signature, message)
        said = session.run(PKCS11_TOOL, "--login", "--pin", PASSCODE, "-t").output
        assert said.rstrip().endswith("No errors"), said
        # The version that Debian 12 has asks for T=1.
        step = session.attempt(YUBICO_TOOL, "-r", "Virtual", "-a", "status")
        assert step.status != 0 and "Failed to connect" in step.said
