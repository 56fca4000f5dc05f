"""Certificates, certificate requests, and what is to be checked about them."""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from . import tlv

WINDOW = timedelta(days=90)
LARGEST = 1856  # bytes of a certificate that every PIV card takes (SP 800-73-4 part 1, table 7)
RSA_WITH_SHA256 = bytes.fromhex("300d06092a864886f70d01010b0500")
ECDSA_WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")


class Certificate:
    """One that was read, with the bytes that it was read from; ValueError where it is none."""

    def __init__(self, der):
        self.der = der
        self._parsed = x509.load_der_x509_certificate(der)
        self.public = self._parsed.public_key()
        self.begin, self.end = self._parsed.not_valid_before, self._parsed.not_valid_after
        self.name = self._of_subject(x509.NameOID.COMMON_NAME)
        self.number = self._of_subject(x509.NameOID.USER_ID)
        self.subject = self._raw_subject()

    def __eq__(self, other):
        return isinstance(other, Certificate) and self.der == other.der

    def is_due(self):
        return self.end - datetime.utcnow() <= WINDOW

    def has_ended(self):
        return self.end < datetime.utcnow()

    def is_in_date(self):
        return self.begin <= datetime.utcnow() <= self.end

    def verifies(self, signature, message):
        return verifies(self.public, signature, message)

    def is_signed_by(self, issuer):
        return verifies(issuer.public, self._parsed.signature, self._parsed.tbs_certificate_bytes,
                        self._parsed.signature_hash_algorithm)

    def _of_subject(self, kind):
        found = self._parsed.subject.get_attributes_for_oid(kind)
        return found[0].value if found else ""

    def _raw_subject(self):
        """As it is written, letter by letter and kind by kind of string."""
        fields = tlv.decode(tlv.find(self._parsed.tbs_certificate_bytes, 0x30))
        if fields[0][0] == 0xA0:  # the version
            fields = fields[1:]
        return fields[4][2]  # serial number, algorithm, issuer, validity, subject


def read(der):
    """A certificate; None where there is none, or nothing that can be read."""
    if not der:
        return None
    try:
        return Certificate(der)
    except ValueError:
        return None


def verifies(public, signature, message, digest=None):
    digest = digest or hashes.SHA256()
    try:
        if isinstance(public, rsa.RSAPublicKey):
            public.verify(signature, message, padding.PKCS1v15(), digest)
        else:
            public.verify(signature, message, ec.ECDSA(digest))
    except InvalidSignature:
        return False
    return True


def encoded(public):
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def request(subject, public, sign):
    """PKCS #10 (RFC 2986) for a key that is elsewhere: `sign(bytes)` signs with it."""
    info = tlv.encode(0x30, b"\x02\x01\x00", subject, encoded(public), b"\xA0\x00")
    algorithm = RSA_WITH_SHA256 if isinstance(public, rsa.RSAPublicKey) else ECDSA_WITH_SHA256
    return tlv.encode(0x30, info, algorithm, tlv.encode(0x03, b"\x00", sign(info)))


def complaint(der, public, old, chain, trusted):
    """What speaks against writing a new certificate in place of an old one; None where nothing does."""
    if len(der) > LARGEST:
        return "the certificate is too large for the card"
    certificate = read(der)
    if certificate is None:
        return "the certificate cannot be read"
    if encoded(certificate.public) != encoded(public):
        return "the certificate is for another key"
    if certificate.subject != old.subject:
        return "the certificate is for another holder"
    if not certificate.is_in_date() or certificate.is_due():
        return "the certificate is not in date"
    for issuer in chain:
        if issuer is None or not certificate.is_signed_by(issuer):
            return "the certificate is not by a trusted authority"
        certificate = issuer
    if not any(certificate == root or certificate.is_signed_by(root) for root in trusted):
        return "the certificate is not by a trusted authority"
    return None


def trusted_in(path):
    """All certificates of a PEM file."""
    with open(path, "rb") as file:
        text = file.read()
    end = b"-----END CERTIFICATE-----"
    return [Certificate(x509.load_pem_x509_certificate(part + end).public_bytes(Encoding.DER))
            for part in text.split(end)[:-1]]
