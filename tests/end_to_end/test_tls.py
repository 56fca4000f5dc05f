"""TLS with client authentication: the client's private key never leaves the card, and the server verifies the holder's
certificate and the proof that the client has its key."""

import re
import subprocess

import pytest

from client_session import (EVERY_KEY, OPENSSL, PASSCODE, Authority, Session, need_engine, new_card, public_key,
                            scratch, self_made)
from rig_processes import LIMIT, need, wait_until

PKCS15_TOOL = need("pkcs15-tool", "opensc")
CURL = need("curl", "curl")
VERSIONS = {"1.2": "TLSv1.2", "1.3": "TLSv1.3"}
# OpenSC's identifiers of keys that may authenticate, and the kind of signature that TLS then makes.
KEYS = {"01": "RSA-PSS", "04": "ECDSA"}


@pytest.fixture(scope="module")
def session(scratch):
    with Session([new_card(scratch / "card", *EVERY_KEY)], scratch) as session:
        need_engine(session)
        yield session


@pytest.fixture(scope="module")
def authority(scratch):
    return Authority(scratch)


@pytest.fixture(scope="module")
def certificates(session, authority, scratch):
    """For each key of the card, a certificate that the server's authority has issued, each with a name of its own."""
    issued = {}
    for identifier in KEYS:
        session.run(PKCS15_TOOL, "--read-certificate", identifier, "-o", scratch / f"{identifier}.crt")
        issued[identifier] = authority.certify(public_key(scratch / f"{identifier}.crt"),
                                               scratch / f"{identifier}.issued", subject=f"/CN=Holder of {identifier}")
    return issued


@pytest.fixture(scope="module")
def host(authority, scratch):
    """The server's own key and certificate."""
    private, public = self_made(scratch, "host", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    return private, authority.certify(public, scratch / "host.crt", subject="/CN=localhost")


class Server:
    """openssl s_server on a free port of the loopback interface, for one connection; it asks for a certificate and
    accepts none but the authority's."""

    def __init__(self, host, trusted, folder, *options):
        self.log = folder / "server.log"
        words = [OPENSSL, "s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-key", host[0], "-cert", host[1],
                 "-Verify", "1", "-verify_return_error", "-CAfile", trusted, *options]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT)

    def __enter__(self):
        listening = wait_until(lambda: self.process.poll() is not None or
                               re.search(r"^ACCEPT 127\.0\.0\.1:(\d+)$", self.log.read_text(), re.MULTILINE),
                               "the server listens")
        assert listening is not True, self.log.read_text()
        self.port = listening[1]
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(LIMIT)

    def said(self):
        """All that it wrote, when it has served its one connection."""
        self.process.wait(LIMIT)
        return self.log.read_text()


def connect(session, server, authority, certificate, identifier, version, **others):
    # -rev answers each line reversed, and ends the connection at the line CLOSE.
    return session.attempt(
        OPENSSL, "s_client", "-connect", f"127.0.0.1:{server.port}", f"-tls{version.replace('.', '_')}", "-quiet",
        "-CAfile", authority.certificate, "-verify_return_error", "-engine", "pkcs11", "-keyform", "engine", "-key",
        f"pkcs11:id=%{identifier};type=private;pin-value={PASSCODE}", "-cert", certificate, typed="hello card\nCLOSE\n",
        **others)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("identifier", KEYS)
def test_the_card_authenticates_the_client(session, authority, certificates, host, tmp_path, identifier, version):
    with Server(host, authority.certificate, tmp_path, "-rev") as server:
        step = connect(session, server, authority, certificates[identifier], identifier, version)
        said = server.said()
    assert step.status == 0, step.said
    assert "drac olleh" in step.output
    assert f"Protocol version: {VERSIONS[version]}\n" in said
    assert f"Peer certificate: CN = Holder of {identifier}\n" in said
    assert f"Signature type: {KEYS[identifier]}\n" in said
    assert "Verification: OK\n" in said


@pytest.mark.parametrize("version", VERSIONS)
def test_a_certificate_of_another_authority_is_refused(session, authority, certificates, host, tmp_path, version):
    """The control: the server does look at the certificate."""
    with Server(host, Authority(tmp_path, name="Another").certificate, tmp_path, "-rev") as server:
        step = connect(session, server, authority, certificates["01"], "01", version)
        said = server.said()
    assert "drac olleh" not in step.output
    assert "verify error" in said and "Verification: OK" not in said


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_without_a_certificate_is_refused(session, authority, host, tmp_path, version):
    with Server(host, authority.certificate, tmp_path, "-rev") as server:
        step = session.attempt(OPENSSL, "s_client", "-connect", f"127.0.0.1:{server.port}",
                               f"-tls{version.replace('.', '_')}", "-quiet", "-CAfile", authority.certificate,
                               typed="hello card\nCLOSE\n")
        said = server.said()
    assert "drac olleh" not in step.output
    assert "peer did not return a certificate" in said


def test_a_certificate_for_a_key_that_the_card_does_not_have_is_not_offered(session, authority, host, tmp_path):
    _, public = self_made(tmp_path, "stranger", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
    stranger = authority.certify(public, tmp_path / "stranger.crt")
    with Server(host, authority.certificate, tmp_path, "-rev") as server:
        step = connect(session, server, authority, stranger, "01", "1.3")
    assert step.status != 0
    assert "key values mismatch" in step.said


def test_curl_reaches_a_page_that_wants_a_certificate(session, authority, certificates, host, tmp_path):
    with Server(host, authority.certificate, tmp_path, "-www") as server:
        step = session.run(CURL, "--silent", "--show-error", "--noproxy", "*", "--connect-to",
                           f"localhost:443:127.0.0.1:{server.port}", "--cacert", authority.certificate, "--engine",
                           "pkcs11", "--key-type", "ENG", "--key",
                           f"pkcs11:id=%01;type=private;pin-value={PASSCODE}", "--cert", certificates["01"],
                           "https://localhost/")
    for expected in ("Verify return code: 0 (ok)", "Peer signature type: RSA-PSS", "Subject: CN=Holder of 01"):
        assert expected in step.output, step.output
