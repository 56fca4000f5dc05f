"""yubico-piv-tool writes, reads and deletes data objects of a plain PIV card; OpenSC's tools read the same."""

import re

import pytest

from client_session import PASSCODE, Authority, der, openssl, scratch, verifies
from rig_processes import need
from yubico_session import authority, message, shared, tool

PKCS15_TOOL = need("pkcs15-tool", "opensc")


def test_a_compressed_certificate_is_read_by_opensc(shared, authority, tmp_path):
    """The tool cannot read what it wrote itself in this form."""
    public, certificate = shared.fill(authority, "9d", "ECCP256", "-K", "GZIP")
    assert shared.run(PKCS15_TOOL, "--read-certificate", "03").output == certificate.read_text()
    assert shared.run(PKCS15_TOOL, "--read-public-key", "03").output == public.read_text()


def test_the_largest_certificate_that_the_tool_sends_is_read_back(shared, tmp_path):
    """3,054 bytes, in a chain of commands of 255 bytes. The tool refuses a longer one itself."""
    authority = Authority(tmp_path, kind="rsa:2048")  # whose signatures have one length
    public, _ = shared.fill(authority, "9a", "ECCP256")
    extensions, large = tmp_path / "extensions", tmp_path / "large.crt"

    def certify(filling):
        extensions.write_text(f"nsComment = {'x' * filling}\n")
        openssl("x509", "-req", "-in", authority.request, "-CA", authority.certificate, "-CAkey", authority.key,
                "-force_pubkey", public, "-subj", "/CN=Large", "-set_serial", "1", "-extfile", extensions, "-out",
                large)
        return len(der(large))

    fitting = 2500 + 3054 - certify(2500)
    assert certify(fitting + 1) == 3055
    assert shared.try_piv("-s", "9a", "-a", "import-certificate", "-i", large).status != 0
    assert certify(fitting) == 3054
    shared.piv("-s", "9a", "-a", "import-certificate", "-i", large)
    shared.piv("-s", "9a", "-a", "read-certificate", "-o", tmp_path / "read.crt")
    assert der(tmp_path / "read.crt") == der(large)
    assert shared.run(PKCS15_TOOL, "--read-certificate", "01").output == large.read_text()


def test_a_deleted_certificate_is_gone_and_its_key_stays(shared, authority, message, tmp_path):
    public, _ = shared.fill(authority, "9a", "ECCP256")
    shared.piv("-s", "9a", "-a", "delete-certificate")
    assert shared.try_piv("-s", "9a", "-a", "read-certificate").status != 0
    assert "Slot 9a" not in shared.piv("-a", "status").output
    assert shared.attempt(PKCS15_TOOL, "--read-certificate", "01").status != 0
    signature = tmp_path / "signature"
    shared.sign("9a", "ECCP256", message, signature)
    assert verifies(public, signature, message)


def test_card_identifiers_are_set_anew(tool):
    def identifiers():
        said = tool.piv("-a", "status").output
        return [re.search(rf"^{name}:\s+([0-9a-f]+)$", said, re.MULTILINE)[1] for name in ("CHUID", "CCC")]

    before = identifiers()
    tool.piv("-a", "set-chuid", "-a", "set-ccc")
    chuid, container = identifiers()
    assert chuid != before[0] and container != before[1]
    # SP 800-73-4 part 1, table 9: the GUID is sixteen bytes under tag 34; OpenSC's serial number is made of it.
    guid = re.search(r"3410([0-9a-f]{32})", chuid)[1]
    assert guid in tool.run(PKCS15_TOOL, "-D").output.lower()


@pytest.mark.parametrize("length", [1, 125, 126, 127, 128, 255, 256, 1000, 3000])
def test_objects_of_any_length_are_read_back_as_written(shared, tmp_path, length):
    written, read = tmp_path / "written", tmp_path / "read"
    written.write_bytes(bytes(number % 251 for number in range(length)))
    shared.piv("-a", "write-object", "--id", "0x5fc106", "-f", "binary", "-i", written)
    shared.piv("-a", "read-object", "--id", "0x5fc106", "-f", "binary", "-o", read)
    assert read.read_bytes() == written.read_bytes()


def test_without_the_management_key_nothing_is_written(tool, authority, tmp_path):
    public, certificate = tool.fill(authority, "9a", "ECCP256")
    other = authority.certify(public, tmp_path / "other.crt", subject="/CN=Other")
    wrong = ["--key=" + "FF" * 24]
    for action in (["-s", "9a", "-a", "import-certificate", "-i", other], ["-s", "9a", "-a", "delete-certificate"],
                   ["-a", "set-chuid"], ["-s", "9a", "-A", "ECCP256", "-a", "generate", "-o", tmp_path / "none"]):
        step = tool.try_piv(*wrong, *action)
        assert step.status != 0 and "Failed authentication with the application" in step.said, step
    assert tool.run(PKCS15_TOOL, "--read-certificate", "01").output == certificate.read_text()
    assert "verification." in tool.piv("-s", "9a", "-P", PASSCODE, "-a", "verify-pin", "-a", "test-signature", "-i",
                                       certificate).said
