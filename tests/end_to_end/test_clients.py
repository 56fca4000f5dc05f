"""Clients that nobody here wrote, through a real daemon: they list the card, log in, count wrong passcodes, sign, and
what they signed verifies under the certificate on the card."""

import json
import re
import shlex
import subprocess

import pytest

from rig_processes import CARDRIG, need, run_exec

OPENSC_TOOL = need("opensc-tool", "opensc")
PKCS11_TOOL = need("pkcs11-tool", "opensc")
PKCS15_TOOL = need("pkcs15-tool", "opensc")
PIV_TOOL = need("yubico-piv-tool", "yubico-piv-tool")
OPENSSL = need("openssl", "openssl")
need("pcscd", "pcscd")

PASSCODE, WRONG = "123456", "999999"


@pytest.fixture
def image(tmp_path):
    """A card of its own for a test, kept in a file so that its state can be looked at afterwards."""
    path = tmp_path / "card.image"
    subprocess.run([CARDRIG, "card", "new", "piv-staff", "-o", path], check=True)
    return path


@pytest.fixture
def rig(image):
    """Runs a shell script against the card and keeps what it became."""

    def run(script):
        return run_exec("sh", "-c", script, cards=[image], options=["--image", str(image)])

    return run


def shown(image):
    return json.loads(subprocess.check_output([CARDRIG, "card", "show", "--json", image], text=True))


def tries_left(image):
    return shown(image)["passcode"]["tries-left"]


def openssl_verifies(folder, certificate, signature, message):
    public = subprocess.check_output([OPENSSL, "x509", "-in", certificate, "-noout", "-pubkey"])
    (folder / "public.pem").write_bytes(public)
    result = subprocess.run(
        [OPENSSL, "dgst", "-sha256", "-verify", folder / "public.pem", "-signature", signature, message],
        capture_output=True, text=True)
    return result.returncode == 0 and "Verified OK" in result.stdout


@pytest.fixture
def message(tmp_path):
    path = tmp_path / "message"
    path.write_bytes(bytes(range(256)) * 3)
    return path


# --- opensc-tool -------------------------------------------------------------------------------------------------


def test_opensc_tool_knows_the_card_and_its_answer_to_reset(rig):
    got = rig(f"{OPENSC_TOOL} -n && {OPENSC_TOOL} -a")
    assert got.returncode == 0, got.stderr
    assert got.stdout.splitlines() == ["Personal Identity Verification Card",
                                       "3b:8b:01:80:f9:a0:00:00:03:08:00:00:10:00:48"]


def test_opensc_tool_sends_commands_and_gets_the_standards_answers(rig):
    got = rig(f"{OPENSC_TOOL} -s 00A4040009A0000003080000100000 -s 0020008000 -s 00CB3FFF055C035FC12200")
    assert re.search(r"SW1=0x90, SW2=0x00\)?:?\n61 ", got.stdout), got.stdout
    assert "SW1=0x63, SW2=0xC3" in got.stdout
    assert "SW1=0x6A, SW2=0x82" in got.stdout


# --- yubico-piv-tool ---------------------------------------------------------------------------------------------


def test_piv_tool_lists_both_certificates(rig, image):
    got = rig(f'{PIV_TOOL} -r "$CARDRIG_READER" -a status')
    assert got.returncode == 0, got.stderr
    assert re.search(r"PIN tries left:\s+3", got.stdout)
    assert {"Slot 9a:", "Slot 9c:"} <= {line.strip() for line in got.stdout.splitlines()}
    # The tool prints the SHA-256 of each certificate.
    fingerprints = re.findall(r"Fingerprint:\s+([0-9a-f]{64})", got.stdout)
    assert fingerprints == [slot["certificate"]["sha256"].lower() for slot in shown(image)["slots"]]


def test_piv_tool_counts_wrong_passcodes_and_the_right_one_gives_the_tries_back(rig, image):
    verify = f'{PIV_TOOL} -r "$CARDRIG_READER" -a verify-pin -P'
    got = rig(f"{verify} {WRONG}")
    assert got.returncode != 0
    assert "2 tries left" in got.stderr + got.stdout
    assert tries_left(image) == 2
    assert rig(f"{verify} {PASSCODE}").returncode == 0
    assert tries_left(image) == 3


def test_piv_tool_finds_the_card_locked_after_three_wrong_passcodes_and_unlocks_it(rig, image):
    tool = f'{PIV_TOOL} -r "$CARDRIG_READER"'
    got = rig(f"for i in 1 2 3; do {tool} -a verify-pin -P {WRONG}; done; {tool} -a verify-pin -P {PASSCODE}")
    assert got.returncode != 0
    assert "blocked" in got.stderr + got.stdout
    assert tries_left(image) == 0
    got = rig(f"{tool} -a unblock-pin -P 12345678 -N 654321 && {tool} -a verify-pin -P 654321")
    assert got.returncode == 0, got.stderr
    assert tries_left(image) == 3


@pytest.mark.parametrize("slot, algorithm", [("9a", "RSA2048"), ("9c", "ECCP256")])
def test_piv_tool_generates_writes_and_signs(rig, image, tmp_path, message, slot, algorithm):
    def path(name):
        return shlex.quote(str(tmp_path / name))

    tool = f'{PIV_TOOL} -r "$CARDRIG_READER" -s {slot} -A {algorithm}'
    got = rig(
        f"set -e\n"
        f"{tool} -a generate -o {path('new.pub')}\n"
        f"{OPENSSL} req -x509 -newkey rsa:2048 -nodes -keyout {path('ca.key')} -out {path('ca.crt')} -subj /CN=CA\n"
        f"{OPENSSL} x509 -new -force_pubkey {path('new.pub')} -subj /CN=New -days 30 "
        f"-CA {path('ca.crt')} -CAkey {path('ca.key')} -out {path('new.crt')}\n"
        f"{tool} -a import-certificate -i {path('new.crt')}\n"
        f"{tool} -a read-certificate -o {path('read.crt')}\n"
        f"{tool} -a verify-pin -P {PASSCODE} -a test-signature -i {path('new.crt')}\n"
        f"{tool} -a verify-pin -P {PASSCODE} --sign -H SHA256 -i {message} -o {path('signature')}\n")
    assert got.returncode == 0, got.stdout + got.stderr
    der = [subprocess.check_output([OPENSSL, "x509", "-in", tmp_path / name, "-outform", "DER"])
           for name in ("new.crt", "read.crt")]
    assert der[0] == der[1]
    assert openssl_verifies(tmp_path, tmp_path / "read.crt", tmp_path / "signature", message)
    (slot_state,) = [state for state in shown(image)["slots"] if state["reference"].lower() == slot]
    assert slot_state["certificate"]["matches-key"] is True


# --- pkcs15-tool -------------------------------------------------------------------------------------------------


def test_pkcs15_tool_lists_certificates_keys_and_passcodes(rig):
    got = rig(f"{PKCS15_TOOL} -D")
    assert got.returncode == 0, got.stderr
    for expected in ("X.509 Certificate [Certificate for PIV Authentication]",
                     "X.509 Certificate [Certificate for Digital Signature]",
                     "Private RSA Key [PIV AUTH key]", "Private RSA Key [SIGN key]", "PIN [PIN]", "PIN [PIV PUK]"):
        assert expected in got.stdout, expected


def test_pkcs15_tool_verifies_changes_and_unblocks_the_passcode(rig, image):
    assert rig(f"{PKCS15_TOOL} --verify-pin --pin {PASSCODE}").returncode == 0
    got = rig(f"{PKCS15_TOOL} --verify-pin --pin {WRONG}")
    assert got.returncode != 0
    assert tries_left(image) == 2
    got = rig(f"{PKCS15_TOOL} --change-pin --pin {PASSCODE} --new-pin 87654321")
    assert got.returncode == 0, got.stderr
    assert tries_left(image) == 3
    assert rig(f"{PKCS15_TOOL} --verify-pin --pin 87654321").returncode == 0
    got = rig(f"{PKCS15_TOOL} --unblock-pin --puk 12345678 --new-pin {PASSCODE}")
    assert got.returncode == 0, got.stderr
    assert rig(f"{PKCS15_TOOL} --verify-pin --pin {PASSCODE}").returncode == 0


def test_pkcs15_tool_reads_the_certificate_that_is_on_the_card(rig, image, tmp_path):
    got = rig(f"{PKCS15_TOOL} --read-certificate 01")
    assert got.returncode == 0, got.stderr
    serial = subprocess.run([OPENSSL, "x509", "-noout", "-serial"], input=got.stdout, capture_output=True, text=True,
                            check=True).stdout.strip().removeprefix("serial=")
    (authentication,) = [slot for slot in shown(image)["slots"] if slot["reference"] == "9A"]
    assert int(serial, 16) == int(authentication["certificate"]["serial"], 16)


# --- pkcs11-tool -------------------------------------------------------------------------------------------------


def test_pkcs11_tool_lists_the_token_and_its_objects(rig):
    got = rig(f"{PKCS11_TOOL} -L && {PKCS11_TOOL} -O --login -p {PASSCODE}")
    assert got.returncode == 0, got.stderr
    assert "token initialized" in got.stdout and "PIN initialized" in got.stdout
    assert len(re.findall(r"^Certificate Object; type = X.509 cert", got.stdout, re.MULTILINE)) == 2
    assert len(re.findall(r"^Private Key Object; RSA", got.stdout, re.MULTILINE)) == 2


def test_pkcs11_tool_is_refused_with_a_wrong_passcode_which_costs_a_try(rig, image):
    got = rig(f"{PKCS11_TOOL} --login -p {WRONG} -O")
    assert got.returncode != 0
    assert "CKR_PIN_INCORRECT" in got.stderr
    assert tries_left(image) == 2


def test_pkcs11_tool_runs_its_own_tests(rig):
    got = rig(f"{PKCS11_TOOL} --login -p {PASSCODE} -t")
    assert got.returncode == 0, got.stdout + got.stderr
    assert "No errors" in got.stdout


@pytest.mark.parametrize("mechanism", ["SHA256-RSA-PKCS", "RSA-PKCS-PSS"])
def test_pkcs11_tool_signs_what_openssl_verifies(rig, tmp_path, message, mechanism):
    signature, certificate = tmp_path / "signature", tmp_path / "certificate.der"
    hashed = "--hash-algorithm SHA256" if mechanism.endswith("PSS") else ""
    given = tmp_path / "given"
    given.write_bytes(subprocess.check_output([OPENSSL, "dgst", "-sha256", "-binary", message])
                      if hashed else message.read_bytes())
    got = rig(f"{PKCS11_TOOL} --login -p {PASSCODE} --id 01 -s -m {mechanism} {hashed} -i {given} -o {signature} && "
              f"{PKCS11_TOOL} --read-object --type cert --id 01 -o {certificate}")
    assert got.returncode == 0, got.stdout + got.stderr
    if not hashed:
        assert openssl_verifies(tmp_path, certificate, signature, message)
        return
    public = subprocess.check_output([OPENSSL, "x509", "-in", certificate, "-noout", "-pubkey"])
    (tmp_path / "public.pem").write_bytes(public)
    result = subprocess.run(
        [OPENSSL, "dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:-1", "-verify",
         tmp_path / "public.pem", "-signature", signature, message], capture_output=True, text=True)
    assert "Verified OK" in result.stdout, result.stdout + result.stderr


def test_a_changed_message_does_not_verify(rig, tmp_path, message):
    """The control to the tests above: the check can fail."""
    signature, certificate = tmp_path / "signature", tmp_path / "certificate.der"
    got = rig(f"{PKCS11_TOOL} --login -p {PASSCODE} --id 01 -s -m SHA256-RSA-PKCS -i {message} -o {signature} && "
              f"{PKCS11_TOOL} --read-object --type cert --id 01 -o {certificate}")
    assert got.returncode == 0, got.stdout + got.stderr
    message.write_bytes(message.read_bytes() + b"!")
    assert not openssl_verifies(tmp_path, certificate, signature, message)
