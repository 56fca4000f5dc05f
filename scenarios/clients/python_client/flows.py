"""What the client does, task by task."""

import re
from datetime import datetime

from .card import Card, Readers, WrongPasscode
from .person import CANCELLED, CONTACT, DONE, EXPIRED, FAILED, LOCKED, NOT_DUE, REFUSED, WRONG_CARD, Trouble
from .renewal import Pair, Renewing
from .service import Refused

SUCCESS = "Success: certificate renewed for smartcard"


class Client(Renewing):
    """One run of one task."""

    def __init__(self, options, person, service, trusted):
        self.options = options
        self.person = person
        self.service = service
        self.trusted = trusted
        self.agent = None
        self.readers = None

    def run(self):
        """The exit status."""
        tasks = {"login": self.login, "renew": self.renew, "update-card": self.update_card, "assist": self.assist,
                 "unlock": self.unlock, "change-passcode": self.change_passcode, "view": self.view}
        try:
            self.readers = Readers()
            tasks[self.options.task]()
        except Trouble as trouble:
            self.person.say(str(trouble))
            return trouble.status
        return DONE

    # --- which card

    def choose_reader(self):
        """The one that was named, else the only one with a card."""
        if self.options.reader:
            reader = self.named_reader(self.options.reader)
            if self.readers.has_card(reader):
                return reader
            raise Trouble("Error: no smartcard found", WRONG_CARD)
        filled = [name for name in self.readers.names() if self.readers.has_card(name)]
        if len(filled) > 1:
            raise Trouble("Error: more than one smartcard is attached", WRONG_CARD)
        if not filled:
            raise Trouble("Error: no smartcard found", WRONG_CARD)
        return filled[0]

    def named_reader(self, asked):
        names = self.readers.names()
        found = [name for name in names if name == asked] or [name for name in names if asked in name]
        if len(found) != 1:
            raise Trouble(f"Error: no smartcard found: {len(found)} readers are called '{asked}'", WRONG_CARD)
        return found[0]

    def card_in(self, reader):
        return Card(self.readers, reader)

    def look_at(self, card):
        return Pair(card)

    def my_card(self):
        pair = self.look_at(self.card_in(self.choose_reader()))
        self.person.say(f"Smartcard of {pair.name}, {pair.known.number}")
        return pair

    # --- login

    def log_in(self, pair, role=None):
        """With whichever key of the pair still has its certificate; the passcode."""
        passcode = self.ask_passcode(pair.card)
        try:
            answer = self.prove(pair, passcode, role)
        except Refused as refused:
            if refused.code != "challenge":
                raise
            answer = self.prove(pair, passcode, role)  # it was spent by a login whose answer was lost
        holder = answer.get("holder") or {}
        self.person.say(f"Logged in: {holder.get('name', pair.name)}")
        return passcode

    def prove(self, pair, passcode, role):
        challenge = self.service.login_challenge()
        certificate, signature = self.proof(pair, challenge, passcode)
        return self.service.login(challenge, certificate.der, signature, role or self.options.role)

    def proof(self, pair, challenge, passcode):
        with pair.card as card:
            for key, certificate in pair.certificates.items():
                if self.key_works(card, key, certificate, passcode):
                    return certificate, self.sign(card, key, certificate.public, challenge, passcode)
        raise Trouble(f"Error: no certificate on this card can be used: {CONTACT}")

    def notice(self, pair):
        days = (pair.end - datetime.utcnow()).days
        self.person.say(f"Your certificates end on {pair.end:%Y-%m-%d}, in {days} days")

    def login(self):
        pair = self.my_card()
        self.check_end(pair)
        self.log_in(pair)
        if pair.is_due():
            self.notice(pair)

    # --- renewals

    def is_wanted(self, pair):
        """By its dates, or because the authority has a renewal that was never finished."""
        if pair.is_due():
            return True
        try:
            self.service.renewal(pair.guid)
        except Refused as refused:
            if refused.code != "not-due":
                raise
            return False
        return True

    def renew(self):
        pair = self.my_card()
        self.check_end(pair)
        self.log_in(pair)
        if not self.is_wanted(pair):
            raise Trouble("Renewal is not yet due", NOT_DUE)
        if pair.is_due():
            self.notice(pair)
        if not self.person.agrees("Renew now? [yes/no] "):
            raise Trouble("Cancelled", CANCELLED)
        passcode = self.ask_passcode(pair.card)
        self.person.say("Do not remove the card")
        self.renew_pair(pair, passcode)
        self.person.say(SUCCESS)
        self.test_login(pair)

    def update_card(self):
        pair = self.my_card()
        self.check_end(pair)
        self.log_in(pair)
        if not self.is_wanted(pair):
            raise Trouble("No updates available", NOT_DUE)
        self.person.say("Updates available")
        passcode = self.ask_passcode(pair.card)
        self.person.say("Do not remove the card")
        try:
            self.renew_pair(pair, passcode)
        except Trouble as trouble:
            if trouble.status not in (FAILED, REFUSED):
                raise
            self.person.say(str(trouble))
            # Where it has come to this before, doing all of it again is not what helps.
            raise Trouble("The operation completed with errors" + (f": {CONTACT}" if self.finishing else "")) from trouble
        self.person.say(SUCCESS)
        self.show(pair)
        self.test_login(pair)

    def test_login(self, pair):
        """Only a login after the card was out proves a renewal."""
        if self.options.test_login:
            self.person.ask("Take the card out and put it in again, then press Enter: ")
            self.log_in(self.look_at(pair.card))

    # --- for somebody else

    def assist(self):
        self.agent = self.my_card()
        self.check_end(self.agent)
        reader = self.second_reader()
        asked = self.ask_whom()
        self.log_in(self.agent, "agent")
        holder = self.find_holder(asked, reader)
        self.person.say(f"{holder['name']}, {holder['number']}")
        for device in holder["devices"]:
            self.person.say(f"  {device['guid']} {device['state']} until {device.get('not-after', '-')}")
        if not self.person.agrees("Is this the holder? [yes/no] "):
            raise Trouble("Cancelled", CANCELLED)
        device = self.choose_device(holder)
        pair = self.card_of(holder, device, reader)
        self.check_end(pair)
        if not self.is_wanted(pair):
            raise Trouble("Renewal is not yet due", NOT_DUE)
        self.check_agent()
        passcode = self.ask_passcode(pair.card, "Holder's passcode: ")
        self.person.say("Do not remove the cards")
        self.renew_pair(pair, passcode)
        self.person.say(SUCCESS)

    def ask_whom(self):
        """Before the agent's passcode is asked for: it is not to be given to the holder's card where the two are in each
        other's reader."""
        asked = self.options.holder or self.person.ask("Holder (name or number, empty: by card): ").strip()
        swapped = asked in (self.agent.name, self.agent.known.number)
        # Nothing, and a part of a name, may mean the card in the first reader, too.
        if not swapped and asked.casefold() in self.agent.name.casefold():
            swapped = not self.person.agrees(f"Are you {self.agent.name}? [yes/no] ")
        if swapped:
            raise Trouble("Error: this is not the smartcard of an agent: the holder's belongs into the second reader",
                          WRONG_CARD)
        return asked

    def second_reader(self):
        if self.options.second_reader:
            return self.named_reader(self.options.second_reader)
        others = [name for name in self.readers.names() if name != self.agent.card.reader]
        if not others:
            raise Trouble("Error: no smartcard found: a second reader is wanted for the holder's", WRONG_CARD)
        return next((name for name in others if self.readers.has_card(name)), others[0])

    def find_holder(self, asked, reader):
        if asked:
            query = {"number": asked} if re.fullmatch(r"\d{12}", asked) else {"name": asked}
        else:
            self.wait_for_card("the holder", reader)
            query = {"guid": self.look_at(self.card_in(reader)).guid}
        found = self.service.devices(**query)
        if len(found) != 1:
            raise Trouble(f"Error: the operation cannot be completed: {len(found)} holders are found", REFUSED)
        return found[0]

    def choose_device(self, holder):
        device = next((device for device in holder["devices"] if device["newest"]), None)
        if device is None:
            raise Trouble(f"Error: the certificate has expired, or was revoked: {CONTACT}", EXPIRED)
        return device

    def card_of(self, holder, device, reader):
        self.wait_for_card(holder["name"], reader)
        card = self.card_in(reader)
        card.owner, card.guid = holder["name"], device["guid"]
        return self.look_at(card)

    def wait_for_card(self, name, reader):
        while not self.readers.has_card(reader):
            self.person.ask(f"Put the card of {name} into the second reader, then press Enter: ")
            self.check_agent()

    # --- codes

    def ask_new_passcode(self):
        new = self.person.ask_passcode("New passcode: ")
        if not re.fullmatch(r"[0-9]{6,8}", new):
            raise Trouble("Error: a passcode has 6 to 8 digits")
        if self.person.ask_passcode("New passcode again: ") != new:
            raise Trouble("Error: the two passcodes are not the same")
        return new

    def change_passcode(self):
        card = self.my_card().card
        with card:
            if card.tries() == 0:
                raise Trouble("Error: the card is locked", LOCKED)
        old = self.person.ask_passcode("Old passcode: ")
        new = self.ask_new_passcode()
        try:
            with card:
                card.change_passcode(old, new)
        except WrongPasscode as wrong:
            self.wrong_passcode(wrong)
            raise Trouble("Error: the passcode is as it was", FAILED) from wrong
        self.person.say("Success: passcode changed")

    def unlock(self):
        pair = self.my_card()
        self.check_end(pair)
        code = self.person.ask_passcode("Unlock code: ")
        new = self.ask_new_passcode()
        present, following, earlier = self.service.unlock(pair.guid, code)
        with pair.card as card:
            # After an unlock that did not get to its end the card may have the next code already.
            used = self.unblock(card, (present, following) if earlier else (present,), new)
            if used != following:
                # Whoever has seen it cannot use it a second time.
                self.change_unblocking_code(card, used, following)
        told = self.is_told_of_unlock(pair, code)
        self.person.say("Success: card unlocked")
        if not told:
            self.person.say("The service could not be told so: it learns of it at the next unlock")

    def is_told_of_unlock(self, pair, code):
        try:
            self.service.unlock_done(pair.guid, code)
        except Trouble:
            return False  # the next unlock tries both codes: the card is as it should be
        return True

    @staticmethod
    def unblock(card, codes, new):
        """The code that the card took."""
        for code in codes:
            try:
                card.unblock(code, new)
                return code
            except WrongPasscode as wrong:
                if wrong.tries < 1:  # of the codes one is right, which gives the tries back, however few are left
                    break
        raise Trouble(f"Error: the operation cannot be completed: {CONTACT}")

    @staticmethod
    def change_unblocking_code(card, used, following):
        try:
            card.change_unblocking_code(used, following)
        except WrongPasscode as wrong:
            raise Trouble(f"Error: the operation cannot be completed: {CONTACT}") from wrong

    # --- a look

    def view(self):
        pair = self.my_card()
        self.person.say(f"Card {pair.guid}")
        self.show(pair)
        with pair.card as card:
            tries = card.tries()
        if tries == 0:
            self.person.say("The card is locked")
        elif tries is not None:
            self.person.say(f"Passcode: {tries} tries left")

    def show(self, pair):
        for key, one in pair.certificates.items():
            self.person.say(f"{key}: {one.begin:%Y-%m-%d} to {one.end:%Y-%m-%d}" if one else f"{key}: no certificate")
