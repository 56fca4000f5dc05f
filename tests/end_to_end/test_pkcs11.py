"""PKCS#11 clients: pkcs11-tool, and openssl through the engine, use every kind of key that the card has; what comes out
is checked by openssl without the card."""

import pytest

from client_session import (EVERY_KEY, OPENSSL, PASSCODE, Authority, Session, need_engine, need_pkcs11_tool, new_card,
                            openssl, public_key, scratch, self_made, shown, verifies)

PKCS11_TOOL = need_pkcs11_tool()
LOGIN = [PKCS11_TOOL, "--login", "--pin", PASSCODE]

# OpenSC's identifiers for the keys of the card, as PKCS#11 knows them.
RSA_9A, P256_9C, P256_9D, P384_9E, RSA_82 = "01", "02", "03", "04", "05"


@pytest.fixture(scope="module")
def session(scratch):
    """One rig for all tests here: none of them changes the card."""
    with Session([new_card(scratch / "card", *EVERY_KEY)], scratch) as session:
        need_engine(session)
        yield session


@pytest.fixture(scope="module")
def message(scratch):
    path = scratch / "message"
    path.write_bytes(bytes(range(256)) * 3)
    return path


@pytest.fixture(scope="module")
def public(session, scratch):
    """The public key under an identifier, out of the certificate that the card holds."""
    known = {}

    def get(identifier):
        if identifier not in known:
            path = scratch / f"{identifier}.crt"
            session.run(PKCS11_TOOL, "--read-object", "--type", "cert", "--id", identifier, "-o", path)
            path.write_bytes(openssl("x509", "-inform", "DER", "-in", path))
            known[identifier] = public_key(path)
        return known[identifier]

    return get


def digest_of(message, algorithm, path):
    path.write_bytes(openssl("dgst", f"-{algorithm}", "-binary", message))
    return path


# --- pkcs11-tool: signatures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("mechanism, digest", [("SHA1-RSA-PKCS", "sha1"), ("SHA256-RSA-PKCS", "sha256"),
                                               ("SHA384-RSA-PKCS", "sha384"), ("SHA512-RSA-PKCS", "sha512")])
def test_rsa_signatures_verify(session, public, message, tmp_path, mechanism, digest):
    signature = tmp_path / "signature"
    session.run(*LOGIN, "--id", RSA_9A, "--sign", "-m", mechanism, "-i", message, "-o", signature)
    assert verifies(public(RSA_9A), signature, message, digest=digest)
    # And under no other key, and for no other message.
    assert not verifies(public(RSA_82), signature, message, digest=digest)
    assert not verifies(public(RSA_9A), signature, public(RSA_9A), digest=digest)


@pytest.mark.parametrize("size", [1024, 3072])
def test_rsa_keys_of_other_sizes_sign_and_decrypt(tmp_path, message, size):
    """SP 800-78-4 and -5 have other sizes; the client tells the algorithm's identifier from the length of its block."""
    card = new_card(tmp_path / "card", f"algorithms=[rsa-{size}]", "certificates={9A: {expires: 1 year}}")
    certificate, signature, plain, secret, got = (tmp_path / name for name in ("crt", "signature", "plain", "c", "got"))
    plain.write_bytes(b"a session key")
    with Session([card], tmp_path) as session:
        session.run(PKCS11_TOOL, "--read-object", "--type", "cert", "--id", RSA_9A, "-o", certificate)
        certificate.write_bytes(openssl("x509", "-inform", "DER", "-in", certificate))
        public = public_key(certificate)
        session.run(*LOGIN, "--id", RSA_9A, "--sign", "-m", "SHA256-RSA-PKCS", "-i", message, "-o", signature)
        openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", public, "-in", plain, "-out", secret)
        session.run(*LOGIN, "--id", RSA_9A, "--decrypt", "-m", "RSA-PKCS", "-i", secret, "-o", got)
    assert len(signature.read_bytes()) == size // 8
    assert verifies(public, signature, message)
    assert got.read_bytes() == plain.read_bytes()


@pytest.mark.parametrize("digest, salt", [("sha256", 32), ("sha384", 48), ("sha512", 64), ("sha256", 0)])
def test_rsa_pss_signatures_verify_with_exactly_their_salt(session, public, message, tmp_path, digest, salt):
    signature = tmp_path / "signature"
    session.run(*LOGIN, "--id", RSA_9A, "--sign", "-m", "RSA-PKCS-PSS", "--hash-algorithm", digest.upper(), "--mgf",
                f"MGF1-{digest.upper()}", "--salt-len", salt, "-i", digest_of(message, digest, tmp_path / "digest"),
                "-o", signature)
    options = ["-sigopt", "rsa_padding_mode:pss", "-sigopt"]
    assert verifies(public(RSA_9A), signature, message, *options, f"rsa_pss_saltlen:{salt}", digest=digest)
    assert not verifies(public(RSA_9A), signature, message, *options, f"rsa_pss_saltlen:{salt + 1}", digest=digest)


# FIPS 186-4, 6.4: of a digest longer than the field the leftmost bits count, a shorter one counts as it is.
@pytest.mark.parametrize("identifier", [P256_9C, P384_9E])
@pytest.mark.parametrize("mechanism, digest", [("ECDSA-SHA1", "sha1"), ("ECDSA-SHA256", "sha256"),
                                               ("ECDSA-SHA384", "sha384"), ("ECDSA-SHA512", "sha512")])
def test_elliptic_signatures_verify_with_digests_of_any_length(session, public, message, tmp_path, identifier,
                                                               mechanism, digest):
    signature = tmp_path / "signature"
    session.run(*LOGIN, "--id", identifier, "--sign", "-m", mechanism, "--signature-format", "openssl", "-i", message,
                "-o", signature)
    assert verifies(public(identifier), signature, message, digest=digest)
    other = {P256_9C: P256_9D, P384_9E: P256_9C}[identifier]
    assert not verifies(public(other), signature, message, digest=digest)


@pytest.mark.parametrize("length", [1, 20, 30, 31, 32])
def test_what_is_signed_raw_may_be_shorter_than_the_field(session, public, tmp_path, length):
    raw, signature = tmp_path / "raw", tmp_path / "signature"
    raw.write_bytes(bytes(range(1, length + 1)))
    session.run(*LOGIN, "--id", P256_9C, "--sign", "-m", "ECDSA", "--signature-format", "openssl", "-i", raw, "-o",
                signature)
    said = openssl("pkeyutl", "-verify", "-pubin", "-inkey", public(P256_9C), "-in", raw, "-sigfile", signature)
    assert b"Signature Verified Successfully" in said


def test_two_elliptic_signatures_of_one_message_differ(session, public, message, tmp_path):
    signatures = [tmp_path / "first", tmp_path / "second"]
    for signature in signatures:
        session.run(*LOGIN, "--id", P384_9E, "--sign", "-m", "ECDSA-SHA384", "--signature-format", "openssl", "-i",
                    message, "-o", signature)
        assert verifies(public(P384_9E), signature, message, digest="sha384")
    assert signatures[0].read_bytes() != signatures[1].read_bytes()


# --- pkcs11-tool: decryption and key agreement -------------------------------------------------------------------


@pytest.mark.parametrize("identifier", [RSA_9A, RSA_82])
def test_what_openssl_encrypts_is_decrypted(session, public, tmp_path, identifier):
    plain, secret, got = tmp_path / "plain", tmp_path / "secret", tmp_path / "got"
    plain.write_bytes(b"a session key of some bytes")
    openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", public(identifier), "-in", plain, "-out", secret)
    session.run(*LOGIN, "--id", identifier, "--decrypt", "-m", "RSA-PKCS", "-i", secret, "-o", got)
    assert got.read_bytes() == plain.read_bytes()


def test_what_openssl_encrypts_with_oaep_is_decrypted(session, public, tmp_path):
    plain, secret, got = tmp_path / "plain", tmp_path / "secret", tmp_path / "got"
    plain.write_bytes(b"another session key")
    openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", public(RSA_82), "-in", plain, "-out", secret, "-pkeyopt",
            "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256")
    session.run(*LOGIN, "--id", RSA_82, "--decrypt", "-m", "RSA-PKCS-OAEP", "--hash-algorithm", "SHA256", "-i", secret,
                "-o", got)
    assert got.read_bytes() == plain.read_bytes()


def test_what_is_encrypted_for_another_key_is_not_decrypted(session, public, tmp_path):
    """RFC 8017, 7.2.2: the padding is wrong. The card decrypts all the same, and the client finds out."""
    plain, secret, got = tmp_path / "plain", tmp_path / "secret", tmp_path / "got"
    plain.write_bytes(b"not for this key")
    openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", public(RSA_9A), "-in", plain, "-out", secret)
    step = session.attempt(*LOGIN, "--id", RSA_82, "--decrypt", "-m", "RSA-PKCS", "-i", secret, "-o", got)
    assert step.status != 0
    assert not got.exists() or got.read_bytes() != plain.read_bytes()


@pytest.fixture
def ephemeral(tmp_path):
    """A key pair of the other side: its private and its public key, PEM, and the public one in DER."""
    private, public = self_made(tmp_path, "ephemeral", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    point = tmp_path / "ephemeral.der"
    openssl("pkey", "-pubin", "-in", public, "-outform", "DER", "-out", point)
    return private, public, point


def test_both_sides_agree_on_a_secret(session, public, tmp_path, ephemeral):
    private, _, point = ephemeral
    got = tmp_path / "got"
    session.run(*LOGIN, "--id", P256_9D, "--derive", "-m", "ECDH1-DERIVE", "-i", point, "-o", got)
    theirs = openssl("pkeyutl", "-derive", "-inkey", private, "-peerkey", public(P256_9D))
    assert len(theirs) == 32
    assert got.read_bytes() == theirs


def test_only_the_key_for_key_management_agrees_on_secrets(session, tmp_path, ephemeral):
    """SP 800-73-4 part 1, 3.2: 9C signs. OpenSC knows by the certificate's key usage, and does not ask the card."""
    got = tmp_path / "got"
    step = session.attempt(*LOGIN, "--id", P256_9C, "--derive", "-m", "ECDH1-DERIVE", "-i", ephemeral[2], "-o", got)
    assert step.status != 0
    assert not got.exists()


# --- openssl, with the engine ------------------------------------------------------------------------------------


def uri(identifier, passcode=PASSCODE):
    """RFC 7512: the key, and what to log in with."""
    return f"pkcs11:id=%{identifier};type=private;pin-value={passcode}"


WITH_ENGINE = ["-engine", "pkcs11", "-keyform", "engine"]


@pytest.mark.parametrize("identifier", [RSA_9A, P384_9E])
def test_engine_signs_what_openssl_verifies_without_it(session, public, message, tmp_path, identifier):
    signature = tmp_path / "signature"
    session.run(OPENSSL, "dgst", "-sha256", *WITH_ENGINE, "-sign", uri(identifier), "-out", signature, message)
    assert verifies(public(identifier), signature, message)
    assert not verifies(public(P256_9D), signature, message)


def test_engine_signs_with_pss(session, public, message, tmp_path):
    signature, options = tmp_path / "signature", ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"]
    session.run(OPENSSL, "dgst", "-sha256", *options, *WITH_ENGINE, "-sign", uri(RSA_9A), "-out", signature, message)
    assert verifies(public(RSA_9A), signature, message, *options)


def test_engine_asks_at_the_terminal_for_each_use_of_the_signature_key(session, public, message, tmp_path):
    """SP 800-73-4 part 1, 3.2.2: 9C wants the passcode for every signature; the one of the address is for the login."""
    signature = tmp_path / "signature"
    step = session.run(OPENSSL, "dgst", "-sha256", *WITH_ENGINE, "-sign", uri(P256_9C), "-out", signature, message,
                       answers=[("PKCS#11 key PIN", PASSCODE)])
    assert "PKCS#11 key PIN for SIGN key" in step.output
    assert verifies(public(P256_9C), signature, message)


def test_engine_signs_and_decrypts_by_pkeyutl(session, public, message, tmp_path):
    digest, signature, secret = tmp_path / "digest", tmp_path / "signature", tmp_path / "secret"
    digest_of(message, "sha256", digest)
    key = [*WITH_ENGINE, "-inkey", uri(RSA_9A)]
    session.run(OPENSSL, "pkeyutl", "-sign", *key, "-in", digest, "-pkeyopt", "digest:sha256", "-out", signature)
    assert verifies(public(RSA_9A), signature, message)
    openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", public(RSA_9A), "-in", digest, "-out", secret)
    session.run(OPENSSL, "pkeyutl", "-decrypt", *key, "-in", secret, "-out", tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == digest.read_bytes()


def test_engine_agrees_on_a_secret(session, public, tmp_path, ephemeral):
    private, their_public, _ = ephemeral
    session.run(OPENSSL, "pkeyutl", "-derive", *WITH_ENGINE, "-inkey", uri(P256_9D), "-peerkey", their_public, "-out",
                tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == openssl("pkeyutl", "-derive", "-inkey", private, "-peerkey",
                                                      public(P256_9D))


def test_engine_makes_a_request_that_an_authority_certifies(session, public, tmp_path):
    request, certificate = tmp_path / "request", tmp_path / "certificate"
    session.run(OPENSSL, "req", "-new", *WITH_ENGINE, "-key", uri(RSA_9A), "-subj", "/CN=Somebody", "-out", request)
    openssl("req", "-in", request, "-verify", "-noout")  # signed with the key that it speaks of
    authority = Authority(tmp_path)
    openssl("x509", "-req", "-in", request, "-CA", authority.certificate, "-CAkey", authority.key, "-CAcreateserial",
            "-out", certificate)
    assert openssl("verify", "-CAfile", authority.certificate, certificate).endswith(b": OK\n")
    assert public_key(certificate).read_bytes() == public(RSA_9A).read_bytes()


def test_a_wrong_passcode_in_the_address_costs_one_try_and_signs_nothing(message, tmp_path):
    before, after, signature = new_card(tmp_path / "before"), tmp_path / "after", tmp_path / "signature"
    with Session([before], tmp_path, options=["--image", str(after)]) as session:
        step = session.attempt(OPENSSL, "dgst", "-sha256", *WITH_ENGINE, "-sign", uri(RSA_9A, "999999"), "-out",
                               signature, message)
        assert step.status != 0
    assert not signature.exists() or not signature.read_bytes()
    assert shown(before)["passcode"]["tries-left"] == 3
    assert shown(after)["passcode"]["tries-left"] == 2
