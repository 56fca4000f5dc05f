"""A virtual smartcard in this process: no reader, no daemon.

    >>> import cardrig
    >>> card = cardrig.Card.from_profile("piv-staff")
    >>> card.transmit(bytes.fromhex("00A4040009A00000030800001000")).hex()[-4:]
    '9000'
    >>> [certificate.slot for certificate in card.certificates]
    ['9A', '9C']

A card loses power where it is told to; what it is then is what its memory kept:

    >>> card.cut_power(at_write=3)
    >>> while True:
    ...     card.transmit(...)          # raises PowerCut at the third memory write from here
    >>> card.power_on()
"""

from cardrig._cardrig import (
    Card,
    CardError,
    Certificate,
    Passcode,
    PowerCut,
    profiles,
)

__all__ = ["Card", "CardError", "Certificate", "Passcode", "PowerCut", "profiles"]
