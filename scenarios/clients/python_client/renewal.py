"""The renewal of one card's pair of certificates, each vouched for by the other key, also where it was begun before."""

import os

from . import certificates
from .card import NotDone, WrongPasscode
from .person import CONTACT, EXPIRED, FAILED, LOCKED, WRONG_CARD, Trouble

KEYS = ("9A", "9C")


class Pair:
    """A card, and the certificates that it had when it was looked at."""

    def __init__(self, card):
        self.card = card
        with card:
            self.certificates = {key: certificates.read(card.certificate(key)) for key in KEYS}
        self.known = self.certificates["9A"] or self.certificates["9C"]
        if self.known is None:
            raise Trouble(f"Error: no certificate on this card says whose it is: {CONTACT}")
        card.owner = self.known.name

    @property
    def guid(self):
        return self.card.guid

    @property
    def name(self):
        return self.known.name

    @property
    def end(self):
        return min(one.end for one in self.certificates.values() if one)

    def is_due(self):
        return any(one is None or one.is_due() for one in self.certificates.values())

    def has_ended(self):
        """Of the certificate that authenticates, if it is there."""
        return self.known.has_ended()

    def other(self, key):
        return KEYS[1 - KEYS.index(key)]


class Renewing:
    """Expects `person`, `service`, `trusted`, and `agent`: the pair of who does it for somebody else, or None."""

    finishing = False  # what somebody left half finished

    # --- what is asked before anything is done

    def check_end(self, pair):
        if pair.has_ended():
            raise Trouble(f"Error: the certificate has expired: {CONTACT}", EXPIRED)

    def check_agent(self):
        """Who works for others does so as long as the own card is in."""
        if self.agent:
            try:
                with self.agent.card:
                    pass
            except Trouble as trouble:
                raise Trouble("Error: you have been logged out: the own card is not there", WRONG_CARD) from trouble

    # --- passcodes

    def ask_passcode(self, card, question="Passcode: "):
        """Until it is right. Every try is one that somebody typed."""
        with card:
            if card.tries() == 0:
                raise Trouble("Error: the card is locked", LOCKED)
        while True:
            passcode = self.person.ask_passcode(question)
            try:
                self.try_passcode(card, passcode)
                return passcode
            except WrongPasscode as wrong:
                self.wrong_passcode(wrong)

    def try_passcode(self, card, passcode):
        with card:
            card.verify(passcode)

    def wrong_passcode(self, wrong):
        self.person.say(f"Wrong passcode: {wrong.tries} tries left")
        if wrong.tries == 0:
            raise Trouble("Error: the card is locked", LOCKED) from wrong

    # --- signatures

    def sign(self, card, key, public, message, passcode):
        """Within a transaction. The signature key wants the passcode before each signature; so the other one gets it,
        too."""
        try:
            card.verify(passcode)
        except WrongPasscode as wrong:
            raise Trouble(f"Wrong passcode: {wrong.tries} tries left") from wrong
        return card.sign(key, public, message)

    def key_works(self, card, key, certificate, passcode):
        """Whether the private key in a slot belongs to that certificate."""
        if certificate is None:
            return False
        fresh = os.urandom(32)
        try:
            return certificate.verifies(self.sign(card, key, certificate.public, fresh, passcode), fresh)
        except NotDone:  # no key there, or one of another kind
            return False

    # --- the pair

    def renew_pair(self, pair, passcode):
        """Each certificate that this renewal has not brought to the card yet."""
        renewal, keys = self.service.renewal(pair.guid)
        works = self.working_keys(pair, passcode)
        if not any(works.values()):
            raise Trouble(f"Error: no certificate on this card can be used: {CONTACT}")
        if any(asked.get("issued") for asked in keys) or not all(works.values()):
            self.finishing = True
            self.person.say("A renewal was left half finished: finishing it")
        # The key that cannot vouch for the other one comes first.
        for asked in sorted(keys, key=lambda asked: works[asked["key"]] and not works[pair.other(asked["key"])]):
            self.renew_key(pair, passcode, renewal, asked, works)
        self.service.renewal_done(renewal)

    def working_keys(self, pair, passcode):
        """By key, whether it is the one of the certificate beside it."""
        with pair.card as card:
            return {key: self.key_works(card, key, one, passcode) for key, one in pair.certificates.items()}

    def renew_key(self, pair, passcode, renewal, asked, works):
        key, card = asked["key"], pair.card
        self.check_agent()
        self.person.say(f"{key} Pending")
        issued = self.issued_before(pair, asked)
        if issued and works[key] and issued == pair.certificates[key]:
            self.person.say(f"{key} Done")
            return
        certificate = self.certificate_for_key_there(card, key, issued, passcode)
        if certificate is None:
            if not works[pair.other(key)]:
                raise Trouble(f"Error: no certificate vouches for a new key of {key}: {CONTACT}")
            certificate = self.certificate_for_new_key(pair, passcode, renewal, asked)
        self.check_agent()
        self.person.say(f"{key} Writing")
        with card:
            self.become_manager(card)
            card.write_certificate(key, certificate.der)
        self.check_written(card, key, certificate, passcode)
        pair.certificates[key] = certificate
        works[key] = True
        self.person.say(f"{key} Done")

    def issued_before(self, pair, asked):
        """What this renewal already has for that key, where nothing speaks against it; it may not have reached the card."""
        der, chain = self.service.issued(asked)
        issued = certificates.read(der)
        if issued is None:
            return None
        old = pair.certificates[asked["key"]] or pair.known
        try:
            self.check_certificate(der, issued.public, old, [certificates.read(one) for one in chain])
        except Trouble:
            return None
        return issued

    def certificate_for_key_there(self, card, key, issued, passcode):
        """A certificate that was issued and not written, if the card has its key."""
        if issued is None:
            return None
        with card:
            return issued if self.key_works(card, key, issued, passcode) else None

    def certificate_for_new_key(self, pair, passcode, renewal, asked):
        key, other, card = asked["key"], pair.other(asked["key"]), pair.card
        voucher, old = pair.certificates[other], pair.certificates[key] or pair.known
        with card:
            self.become_manager(card)
            public = card.generate(key, asked.get("algorithm", "rsa-2048"))
            request = certificates.request(old.subject, public,
                                           lambda info: self.sign(card, key, public, info, passcode))
            signature = self.sign(card, other, voucher.public, request, passcode)
        der, chain = self.service.certificate(renewal, key, request, voucher.der, signature)
        self.check_certificate(der, public, old, [certificates.read(one) for one in chain])
        certificate = certificates.read(der)
        if certificate is None:
            raise Trouble("Error: the operation cannot be completed: the certificate cannot be read")
        return certificate

    def become_manager(self, card):
        card.authenticate_manager(lambda *asked: self.service.management_key(card.guid, *asked))

    def check_certificate(self, der, public, old, chain):
        why = certificates.complaint(der, public, old, chain, self.trusted)
        if why:
            raise Trouble(f"Error: {why}", FAILED)

    def check_written(self, card, key, certificate, passcode):
        """It is on the card as it was written, and the card has its key."""
        with card:
            if card.certificate(key) != certificate.der:
                raise Trouble(f"Error: the operation cannot be completed: the certificate of {key} reads back differently")
            if not self.key_works(card, key, certificate, passcode):
                raise Trouble(f"Error: the operation cannot be completed: the key of {key} is not its certificate's")
