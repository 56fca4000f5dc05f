"""A card of a test's own, and yubico-piv-tool for it."""

import gzip

import pytest

from client_session import PASSCODE, Authority, Session, der, new_card, scratch
from rig_processes import need

PIV_TOOL = need("yubico-piv-tool", "yubico-piv-tool")
need("pcscd", "pcscd")

# SP 800-73-4 part 1, table 4b.
RETIRED = [f"{number:02x}" for number in range(0x82, 0x96)]
EVERY_SLOT = ["9a", "9c", "9d", "9e", *RETIRED]


class Tool(Session):
    """A card made of a profile, and the tool for it."""

    def __init__(self, folder, profile="piv-blank", *values):
        self.after = folder / "after"
        card = new_card(folder / "card", *values, profile=profile)
        super().__init__([card], folder, options=["--image", str(self.after)])

    def piv(self, *words):
        return self.run(PIV_TOOL, "-r", "Virtual", *words)

    def try_piv(self, *words):
        return self.attempt(PIV_TOOL, "-r", "Virtual", *words)

    def sign(self, slot, algorithm, message, signature):
        """Signs a file with the key in a slot; the name of the digest that was signed."""
        digest = "sha384" if algorithm == "ECCP384" else "sha256"
        self.piv("-s", slot, "-A", algorithm, "-H", digest.upper(), "-P", PASSCODE, "-a", "verify-pin", "--sign", "-i",
                 message, "-o", signature)
        return digest

    def fill(self, authority, slot, algorithm, *options):
        """A new key pair in a slot, and a certificate for it; the files of public key and certificate."""
        public, certificate = self.folder / f"{slot}.pub", self.folder / f"{slot}.crt"
        said = self.piv("-s", slot, "-A", algorithm, "-a", "generate", "-o", public).said
        assert "Successfully generated a new private key." in said
        authority.certify(public, certificate, subject=f"/CN=Holder of {slot}")
        given = certificate
        if "GZIP" in options:  # the tool stores what it gets, and says that it is compressed
            given = self.folder / f"{slot}.gz"
            given.write_bytes(gzip.compress(der(certificate)))
        said = self.piv("-s", slot, "-a", "import-certificate", "-i", given, *options).said
        assert "Successfully imported a new certificate." in said
        return public, certificate


@pytest.fixture(scope="module")
def authority(scratch):
    return Authority(scratch)


@pytest.fixture(scope="module")
def shared(scratch):
    """A card for all tests that make what they need in a slot, whatever was there before."""
    with Tool(scratch) as tool:
        yield tool


@pytest.fixture
def tool(tmp_path):
    with Tool(tmp_path) as tool:
        yield tool


@pytest.fixture
def message(tmp_path):
    path = tmp_path / "message"
    path.write_bytes(b"a message of some length " * 50)
    return path
