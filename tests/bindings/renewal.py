"""A renewal spoken in APDUs (SP 800-73-4 part 2) against a card in this process, and its authority."""

import datetime
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers import Cipher, modes

try:  # moved there in cryptography 43
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
except ImportError:
    from cryptography.hazmat.primitives.ciphers.algorithms import TripleDES

MANAGEMENT_KEY = bytes.fromhex("010203040506070801020304050607080102030405060708")
CERTIFICATE_TAGS = {"9A": "5FC105", "9C": "5FC10A"}
RSA_2048, P_256 = 0x07, 0x11


class Refused(Exception):
    """The card answered with a status word that is not 9000."""

    def __init__(self, status):
        super().__init__(f"{status:04X}")
        self.status = status


def tlv(tag, value):
    length = len(value)
    if length < 0x80:
        encoded = bytes([length])
    elif length < 0x100:
        encoded = bytes([0x81, length])
    else:
        encoded = b"\x82" + length.to_bytes(2, "big")
    return bytes.fromhex(tag) + encoded + value


def command(card, ins, p1, p2, data=b""):
    """One command, chained and gathered as short APDUs need it."""
    blocks = [data[i : i + 255] for i in range(0, len(data), 255)] or [b""]
    for block in blocks[:-1]:
        _exchange(card, bytes([0x10, ins, p1, p2, len(block)]) + block)
    last = blocks[-1]
    gathered, status = _raw(card, bytes([0x00, ins, p1, p2]) + (bytes([len(last)]) + last if last else b"") + b"\x00")
    while status >> 8 == 0x61:
        more, status = _raw(card, bytes([0x00, 0xC0, 0x00, 0x00, status & 0xFF]))
        gathered += more
    if status != 0x9000:
        raise Refused(status)
    return gathered


def _raw(card, apdu):
    answer = card.transmit(apdu)
    return answer[:-2], int.from_bytes(answer[-2:], "big")


def _exchange(card, apdu):
    data, status = _raw(card, apdu)
    if status != 0x9000:
        raise Refused(status)
    return data


def pad(passcode):
    return passcode.encode().ljust(8, b"\xff")


def select(card):
    return command(card, 0xA4, 0x04, 0x00, bytes.fromhex("A00000030800001000"))


def verify(card, passcode):
    command(card, 0x20, 0x00, 0x80, pad(passcode))


def authenticate(card):
    """Single external authentication with the management key."""
    challenge = command(card, 0x87, 0x03, 0x9B, bytes.fromhex("7C028100"))[4:]
    encryptor = Cipher(TripleDES(MANAGEMENT_KEY), modes.ECB()).encryptor()
    answer = encryptor.update(challenge) + encryptor.finalize()
    command(card, 0x87, 0x03, 0x9B, tlv("7C", tlv("82", answer)))


def _value(data, tag):
    """The value of a tag among BER-TLVs with one-byte tags."""
    at = 0
    while at < len(data):
        found, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(data[at : at + count], "big")
            at += count
        if found == tag:
            return data[at : at + length]
        at += length
    raise KeyError(f"{tag:02X}")


def generate(card, slot, algorithm):
    answer = command(card, 0x47, 0x00, int(slot, 16), bytes([0xAC, 0x03, 0x80, 0x01, algorithm]))
    assert answer[:2] == b"\x7f\x49"
    inside = answer[3 + (answer[2] & 0x7F if answer[2] & 0x80 else 0) :]
    if algorithm == P_256:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _value(inside, 0x86))
    modulus = int.from_bytes(_value(inside, 0x81), "big")
    return rsa.RSAPublicNumbers(int.from_bytes(_value(inside, 0x82), "big"), modulus).public_key()


class Authority:
    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.issued = []

    def certify(self, public_key, slot):
        now = datetime.datetime.now(datetime.timezone.utc)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"Renewed {slot}")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pytest authority")]))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=730))
            .sign(self.key, hashes.SHA256())
        )
        der = certificate.public_bytes(serialization.Encoding.DER)
        self.issued.append(der)
        return der


def write_certificate(card, slot, der):
    container = tlv("70", der) + bytes.fromhex("710100FE00")
    command(card, 0xDB, 0x3F, 0xFF, bytes.fromhex("5C03" + CERTIFICATE_TAGS[slot]) + tlv("53", container))


def prove(card, slot, algorithm, passcode, public_key):
    """The card signs something fresh; the public key verifies it."""
    digest = os.urandom(32)
    verify(card, passcode)
    if algorithm == P_256:
        block = digest
    else:
        info = bytes.fromhex("3031300d060960864801650304020105000420") + digest
        block = b"\x00\x01" + b"\xff" * (256 - 3 - len(info)) + b"\x00" + info
    answer = command(card, 0x87, algorithm, int(slot, 16), tlv("7C", tlv("82", b"") + tlv("81", block)))
    signature = _value(_value(answer, 0x7C), 0x82)
    prehashed = utils.Prehashed(hashes.SHA256())
    if algorithm == P_256:
        public_key.verify(signature, digest, ec.ECDSA(prehashed))
    else:
        public_key.verify(signature, digest, PKCS1v15(), prehashed)


def renew(card, authority, passcode="123456", algorithm=P_256):
    """Renews both certificates, one after the other."""
    select(card)
    verify(card, passcode)
    for slot in ("9A", "9C"):
        authenticate(card)
        public_key = generate(card, slot, algorithm)
        write_certificate(card, slot, authority.certify(public_key, slot))
        prove(card, slot, algorithm, passcode, public_key)
