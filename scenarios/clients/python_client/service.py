"""The registration authority, by its JSON API over HTTPS."""

import base64
import http.client
import json
import select
import ssl
from urllib.parse import urlencode, urlsplit

from .person import CONTACT, EXPIRED, NOT_DUE, REFUSED, Trouble

TIME_OUT = 10  # seconds, where nobody says otherwise
LONGEST_WAIT = 60  # seconds that it may ask us to come back later, all in all

# What a person is told about a refusal, and the exit status.
REFUSALS = {
    "session": ("Error: you have been logged out", REFUSED),
    "expired": (f"Error: the certificate has expired: {CONTACT}", EXPIRED),
    "not-due": ("Renewal is not yet due", NOT_DUE),
    "role": ("Error: the role is missing", REFUSED),
    "wrong-code": ("Error: the code is wrong", REFUSED),
    "late-code": ("Error: the code is out of date", REFUSED),
    "administrator-key": ("Error: the administrator's PIN could not be had from the service", REFUSED),
    "voucher": (f"Error: the service refused: no certificate vouches for the new key: {CONTACT}", REFUSED),
}
ASK_A_PERSON = ("untrusted", "not-yet-valid", "revoked", "unknown-holder", "unknown-device")


class Refused(Trouble):
    """It answered, and said no."""

    def __init__(self, code, message):
        known = REFUSALS.get(code)
        further = f": {CONTACT}" if code in ASK_A_PERSON else ""
        super().__init__(*(known or (f"Error: the service refused: {message}{further}", REFUSED)))
        self.code = code


class Service:
    """One authority, and a session with it once there is one."""

    def __init__(self, url, trust, token, patience=TIME_OUT):
        self.patience = patience  # seconds for any one answer
        self.address = urlsplit(url)
        self.context = ssl.create_default_context(cafile=trust)
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    # --- requests

    def login_challenge(self):
        return unpacked(self.post("/api/login/challenge", {}), "challenge")

    def login(self, challenge, certificate, signature, role=None):
        asked = {"challenge": packed(challenge), "certificate": packed(certificate), "signature": packed(signature)}
        if role:
            asked["role"] = role
        answer = self.post("/api/login", asked)
        self.headers["Session"] = field(answer, "session", str)
        return answer

    def devices(self, **query):
        holders = field(self.ask("GET", "/api/devices?" + urlencode(query)), "holders", list)
        for holder in holders:
            check(holder, {"name": str, "number": str, "devices": list})
            for device in holder["devices"]:
                check(device, {"guid": str, "state": str, "newest": bool})
        return holders

    def renewal(self, guid):
        """The one that is open for a card, or a new one: (id, what it has of each key)."""
        answer = self.post("/api/renewals", {"device": guid})
        keys = field(answer, "keys", list)
        for key in keys:
            check(key, {"key": str, "algorithm": str})
            if key["key"] not in ("9A", "9C"):
                raise silent(f"it wants to renew the key '{key['key']}'")
        return field(answer, "renewal", str), keys

    @staticmethod
    def issued(asked):
        """Of what a renewal has of a key: its certificate and the chain, DER; None before it has one."""
        if not asked.get("issued"):
            return None, []
        return unpacked(asked, "certificate"), [decoded(one) for one in asked.get("chain") or []]

    def certificate(self, renewal, key, request, voucher, signature):
        """(certificate, chain), DER."""
        asked = {"key": key, "request": packed(request),
                 "voucher": {"certificate": packed(voucher), "signature": packed(signature)}}
        waited = 0
        while True:
            answer = self.post(f"/api/renewals/{renewal}/certificates", asked)
            if "retry-after" not in answer:
                return unpacked(answer, "certificate"), [decoded(one) for one in field(answer, "chain", list)]
            seconds = max(0.1, field(answer, "retry-after", (int, float)))
            waited += seconds
            if waited > LONGEST_WAIT:
                raise silent("it has no certificate for us yet")
            select.select([], [], [], seconds)

    def renewal_done(self, renewal):
        self.post(f"/api/renewals/{renewal}/done", {})

    def management_key(self, guid, algorithm, challenge):
        asked = {"device": guid, "algorithm": algorithm, "challenge": packed(challenge)}
        return unpacked(self.post("/api/management-key", asked), "response")

    def unlock(self, guid, code):
        """The card's unblocking code, the one that it is to have next, and whether it may have that one already."""
        answer = self.post("/api/unlock", {"device": guid, "code": code})
        return (field(answer, "unblocking-code", str), field(answer, "next-unblocking-code", str),
                bool(answer.get("earlier")))

    def unlock_done(self, guid, code):
        self.post("/api/unlock/done", {"device": guid, "code": code})

    # --- how they are asked

    def post(self, path, body):
        return self.ask("POST", path, body)

    def ask(self, method, path, body=None):
        """What has no answer is asked once more: nothing here does harm when it is asked twice."""
        try:
            status, text = self._exchange(method, path, body)
        except (OSError, http.client.HTTPException):
            try:
                status, text = self._exchange(method, path, body)
            except (OSError, http.client.HTTPException) as error:
                raise silent(error) from error
        try:
            answer = json.loads(text)
        except ValueError as error:
            raise silent(f"HTTP status {status}") from error
        if not isinstance(answer, dict):
            raise silent("it answers something else")
        if status >= 400:
            raise Refused(answer.get("error", ""), answer.get("message", f"HTTP status {status}"))
        return answer

    def _exchange(self, method, path, body):
        connection = http.client.HTTPSConnection(self.address.hostname, self.address.port, context=self.context,
                                                 timeout=self.patience)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, self.headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def silent(why):
    return Trouble(f"Error: the service does not answer ({why})", REFUSED)


def packed(data):
    return base64.b64encode(data).decode()


def decoded(text):
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, TypeError) as error:
        raise silent("it answers something else") from error


def field(answer, name, kind):
    value = answer.get(name)
    if not isinstance(value, kind):
        raise silent(f"its answer has no '{name}'")
    return value


def check(value, kinds):
    if not isinstance(value, dict):
        raise silent("it answers something else")
    for name, kind in kinds.items():
        field(value, name, kind)


def unpacked(answer, name):
    return decoded(field(answer, name, str))
