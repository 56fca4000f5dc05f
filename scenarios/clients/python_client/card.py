"""PIV cards by PC/SC: readers, transactions, and the commands that a renewal needs (SP 800-73-4 part 2)."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from smartcard import scard

from . import tlv
from .person import LOCKED, WRONG_CARD, Trouble

PIV = bytes.fromhex("A00000030800001000")
CHUID = 0x5FC102
CERTIFICATES = {"9A": 0x5FC105, "9C": 0x5FC10A}
RSA_SIZES = {0x06: 1024, 0x07: 2048}
CURVES = {0x11: ec.SECP256R1, 0x14: ec.SECP384R1}
ALGORITHMS = {"rsa-1024": 0x06, "rsa-2048": 0x07, "p-256": 0x11, "p-384": 0x14}
MANAGEMENT_ALGORITHMS = {"3des": 0x03, "aes-192": 0x0A, "aes-128": 0x08, "aes-256": 0x0C}
# DER of DigestInfo up to the digest itself, for SHA-256 (RFC 8017, 9.2, note 1).
SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")

GONE = {scard.SCARD_W_REMOVED_CARD, scard.SCARD_W_RESET_CARD, scard.SCARD_E_NO_SMARTCARD,
        scard.SCARD_E_READER_UNAVAILABLE, scard.SCARD_E_INVALID_HANDLE, scard.SCARD_W_UNPOWERED_CARD,
        scard.SCARD_E_NOT_TRANSACTED, scard.SCARD_E_UNKNOWN_READER}


class CardTrouble(Trouble):
    """The card, or the way to it, does not do what it should."""

    def __init__(self, detail):
        super().__init__(f"Error: there was a problem reading the smartcard ({detail})")


class NotDone(Trouble):
    """The card answered, and refused."""

    def __init__(self, what, status):
        super().__init__(f"Error: the operation cannot be completed: {what} ({status:04X})")
        self.card_status = status


class WrongPasscode(Exception):
    """Of whichever kind was compared; so many tries are left."""

    def __init__(self, tries):
        super().__init__(tries)
        self.tries = tries


def good(code, what):
    if code != scard.SCARD_S_SUCCESS:
        raise CardTrouble(f"{what}: {scard.SCardGetErrorMessage(code)}")


class Readers:
    """What is attached to this host."""

    def __init__(self):
        code, self.context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
        good(code, "the smartcard service")

    def names(self):
        code, names = scard.SCardListReaders(self.context, [])
        if code == scard.SCARD_E_NO_READERS_AVAILABLE:
            return []
        good(code, "the list of readers")
        return names

    def has_card(self, name):
        code, states = scard.SCardGetStatusChange(self.context, 0, [(name, scard.SCARD_STATE_UNAWARE)])
        return code == scard.SCARD_S_SUCCESS and bool(states[0][1] & scard.SCARD_STATE_PRESENT)


class Card:
    """The card in one reader. `with card:` is a transaction, in which the PIV application is selected and the card is
    the one that was meant. Nothing is remembered from one transaction to the next but whose card it is."""

    def __init__(self, readers, reader):
        self.readers = readers
        self.reader = reader
        self.owner = ""  # told to people
        self.guid = None
        self.handle = None
        self.protocol = None

    # --- PC/SC

    def connect(self):
        self.leave()
        code, handle, protocol = scard.SCardConnect(self.readers.context, self.reader, scard.SCARD_SHARE_SHARED,
                                                    scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1)
        if code in (scard.SCARD_E_NO_SMARTCARD, scard.SCARD_W_REMOVED_CARD) and self.guid is None:
            raise Trouble("Error: no smartcard found", WRONG_CARD)
        good(code, "connecting")
        self.handle = handle
        self.protocol = scard.SCARD_PCI_T1 if protocol == scard.SCARD_PROTOCOL_T1 else scard.SCARD_PCI_T0

    def leave(self):
        """The card forgets the passcode."""
        if self.handle is not None:
            scard.SCardDisconnect(self.handle, scard.SCARD_RESET_CARD)
            self.handle = None

    def __enter__(self):
        if self.handle is None:
            self.connect()
        code = scard.SCardBeginTransaction(self.handle)
        if code in GONE:
            self.connect()
            code = scard.SCardBeginTransaction(self.handle)
        good(code, "beginning")
        try:
            _, status = self.transmit(b"\x00\xA4\x04\x00" + bytes([len(PIV)]) + PIV + b"\x00")
            if status != 0x9000:
                raise CardTrouble(f"no PIV card, {status:04X}")
            self.check_owner()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        scard.SCardEndTransaction(self.handle, scard.SCARD_LEAVE_CARD)

    def transmit(self, command):
        """One command, and its whole answer: (data, status word)."""
        answer, status = self._exchange(command)
        while status >> 8 == 0x61 and len(answer) < 0x10000:
            more, status = self._exchange(bytes([0x00, 0xC0, 0x00, 0x00, status & 0xFF]))
            if not more:
                raise CardTrouble("an answer that was announced does not come")
            answer += more
        return answer, status

    def _exchange(self, command):
        code, answer = scard.SCardTransmit(self.handle, self.protocol, list(command))
        good(code, "talking to it")
        if len(answer) < 2:
            raise CardTrouble("it gave no answer")
        return bytes(answer[:-2]), answer[-2] << 8 | answer[-1]

    def chained(self, ins, p1, p2, data, expects_data=True):
        """A command of any length, in blocks (ISO 7816-4, 5.3.3)."""
        while len(data) > 0xFF:
            _, status = self._exchange(bytes([0x10, ins, p1, p2, 0xFF]) + data[:0xFF])
            if status != 0x9000:
                return b"", status
            data = data[0xFF:]
        return self.transmit(bytes([0x00, ins, p1, p2, len(data)]) + data + (b"\x00" if expects_data else b""))

    # --- whose it is

    def read_guid(self):
        """From the card holder unique identifier (SP 800-73-4 part 1, 3.1.2)."""
        chuid = self.get_data(CHUID)
        try:
            guid = tlv.find(chuid or b"", 0x34)
        except ValueError:
            guid = None
        if not guid or len(guid) != 16:
            raise CardTrouble("it does not say which card it is")
        return guid.hex().upper()

    def check_owner(self):
        """This is the card that was there from the beginning."""
        guid = self.read_guid()
        if self.guid is None:
            self.guid = guid
        elif guid != self.guid:
            raise Trouble(f"Error: this is not the smartcard of {self.owner}", WRONG_CARD)

    # --- data

    def get_data(self, tag):
        """An object's contents; None where there is none."""
        data, status = self.transmit(b"\x00\xCB\x3F\xFF\x05\x5C\x03" + tag.to_bytes(3, "big") + b"\x00")
        if status == 0x6A82:
            return None
        if status != 0x9000:
            raise CardTrouble(f"object {tag:06X}, {status:04X}")
        try:
            return tlv.find(data, 0x53)
        except ValueError as error:
            raise CardTrouble(f"object {tag:06X}: {error}") from error

    def certificate(self, key):
        """DER; None where there is none, or nothing whole."""
        try:
            return tlv.find(self.get_data(CERTIFICATES[key]) or b"", 0x70) or None
        except ValueError:
            return None

    def write_certificate(self, key, certificate):
        contents = tlv.encode(0x70, certificate) + b"\x71\x01\x00\xFE\x00"
        data = b"\x5C\x03" + CERTIFICATES[key].to_bytes(3, "big") + tlv.encode(0x53, contents)
        _, status = self.chained(0xDB, 0x3F, 0xFF, data, expects_data=False)
        if status != 0x9000:
            raise NotDone(f"writing the certificate of {key}", status)

    # --- codes

    def tries(self):
        """How many are left; none is known once the passcode has been right."""
        _, status = self.transmit(bytes.fromhex("00200080"))
        if status == 0x6983:
            return 0
        return status & 0x0F if status & 0xFFF0 == 0x63C0 else None

    def verify(self, passcode):
        self.check_owner()
        self._compared("passcode", 0x20, 0x80, padded(passcode))

    def change_passcode(self, old, new):
        self._compared("change of the passcode", 0x24, 0x80, padded(old) + padded(new))

    def change_unblocking_code(self, old, new):
        self._compared("change of the unblocking code", 0x24, 0x81, padded(old) + padded(new))

    def unblock(self, code, new):
        self._compared("unblocking", 0x2C, 0x80, padded(code) + padded(new))

    def _compared(self, what, ins, reference, data):
        _, status = self.transmit(bytes([0x00, ins, 0x00, reference, len(data)]) + data)
        if status & 0xFFF0 == 0x63C0:
            raise WrongPasscode(status & 0x0F)
        if status == 0x6983:
            raise Trouble("Error: the card is locked", LOCKED)
        if status != 0x9000:
            raise NotDone(what, status)

    # --- keys

    def authenticate_manager(self, answer):
        """SP 800-73-4 part 2, A.2: the card gives a challenge, and `answer(algorithm, challenge)` knows what to say."""
        for name, algorithm in MANAGEMENT_ALGORITHMS.items():
            data, status = self.transmit(bytes([0x00, 0x87, algorithm, 0x9B, 0x04]) + bytes.fromhex("7C02810000"))
            if status == 0x9000:
                break
        else:
            raise NotDone("the card has no management key that is known here", status)
        response = answer(name, self._inner(data, 0x7C, 0x81))
        data = tlv.encode(0x7C, tlv.encode(0x82, response))
        _, status = self.transmit(bytes([0x00, 0x87, algorithm, 0x9B, len(data)]) + data)
        if status != 0x9000:
            raise NotDone("the card does not accept the administrator's key", status)

    def generate(self, key, algorithm):
        """A new key pair in place of the old one; its public key."""
        number = ALGORITHMS.get(algorithm)
        if number is None:
            raise Trouble(f"Error: the operation cannot be completed: no keys of kind {algorithm}")
        data, status = self.transmit(bytes([0x00, 0x47, 0x00, int(key, 16), 0x05, 0xAC, 0x03, 0x80, 0x01, number, 0x00]))
        if status != 0x9000:
            raise NotDone(f"generating the key pair of {key}", status)
        if number in RSA_SIZES:
            modulus, exponent = (int.from_bytes(self._inner(data, 0x7F49, tag), "big") for tag in (0x81, 0x82))
            return rsa.RSAPublicNumbers(exponent, modulus).public_key()
        try:
            return ec.EllipticCurvePublicKey.from_encoded_point(CURVES[number](), self._inner(data, 0x7F49, 0x86))
        except ValueError as error:
            raise CardTrouble(str(error)) from error

    def sign(self, key, public, message):
        """With the private key of a slot, whose public key says of what kind it is; over SHA-256."""
        digest = hashes.Hash(hashes.SHA256())
        digest.update(message)
        value = digest.finalize()
        size = public.key_size
        if isinstance(public, rsa.RSAPublicKey):
            number = next((number for number, bits in RSA_SIZES.items() if bits == size), None)
            padding = size // 8 - 3 - len(SHA256_INFO) - len(value)
            value = b"\x00\x01" + b"\xFF" * padding + b"\x00" + SHA256_INFO + value
        else:
            number = next((number for number, curve in CURVES.items() if curve.key_size == size), None)
            value = value.rjust(size // 8, b"\x00")
        if number is None:
            raise Trouble(f"Error: the operation cannot be completed: no signatures with keys of {size} bits")
        data = tlv.encode(0x7C, b"\x82\x00", tlv.encode(0x81, value))
        data, status = self.chained(0x87, number, int(key, 16), data)
        if status != 0x9000:
            raise NotDone(f"signing with {key}", status)
        return self._inner(data, 0x7C, 0x82)

    @staticmethod
    def _inner(data, *path):
        try:
            value = tlv.find(data, *path)
        except ValueError as error:
            raise CardTrouble(str(error)) from error
        if value is None:
            raise CardTrouble("an answer is not what it should be")
        return value


def padded(code):
    """A passcode or an unblocking code as the card takes it (SP 800-73-4 part 2, 2.4.3)."""
    value = code.encode()
    if not 1 <= len(value) <= 8:
        raise Trouble("Error: a passcode has 6 to 8 digits")
    return value.ljust(8, b"\xFF")
