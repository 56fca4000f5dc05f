"""What a sweep is there to find: each way in which the careless client can be wrong, with one place that shows it."""

from pathlib import Path
from typing import NamedTuple

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
IN_WINDOW = SCENARIOS / "self-renewal/in-window.yaml"


class Defect(NamedTuple):
    """The place that shows it, the promise that is broken there for good, and the scenario that is swept."""
    place: str
    invariant: str
    scenario: Path = IN_WINDOW


# By word of --careless. One place each: whoever tries more finds the same.
FOUND = {
    # In 9C: the certificate of 9A would have vouched for the next one, and an expired voucher is refused.
    "ignores-dates": Defect("live: authority certificate 9C before: past-dates", "I8"),
    # It looks whether the key fits, after writing: so the one for another person shows it, and not the one for another key.
    "writes-unchecked": Defect("live: authority certificate 9C before: wrong-holder", "I8"),
    "always-says-success": Defect("live: authority renewal before: refuse", "I8"),
    # One pair is new by then, and of the other the key: by its cache none of the two works any more.
    "keeps-a-cache": Defect("live: generate-key-pair 9C after: kill-client", "I9"),
    "never-looks-for-half-finished": Defect("live: generate-key-pair 9C after: cut-power", "I9"),
    # Its certificate of 9A stays without a key.
    "has-no-way-back": Defect("live: generate-key-pair 9A after: cut-power", "I4"),
    "no-time-out": Defect("live: authority renewal before: hang", "I10"),
    # Where nobody mistypes there is nothing to try again.
    "retries-passcode": Defect("live: authority login before: drop", "I11",
                               SCENARIOS / "self-renewal/wrong-then-right-passcode.yaml"),
}

class Harmless(NamedTuple):
    """Why no interruption brings it to light, and a place at which it would have to show, if anywhere."""
    why: str
    place: str
    scenario: Path = IN_WINDOW


# What the client does wrong is no matter of when it is interrupted; scenarios find it (test_careless.py).
NOT_BY_INTERRUPTING = {
    "forgets-read-back": Harmless(
        "a card that was interrupted gives no answer; one that says 9000 and keeps nothing is a scenario's",
        "live: put-data authentication-certificate block 3 before: cut-power"),
    "verifies-before-knowing-whose-card": Harmless("a sweep puts in no other card", "live: verify passcode before: remove"),
    "goes-on-without-agent": Harmless(
        "the holder's card is renewed all the same, and no promise is about the agent's",
        "live: general-authenticate 9A block 2 after card agent: remove", SCENARIOS / "assisted-renewal/in-window.yaml"),
}

# Where it shows, the undisturbed run is of another card, and does not end well: there is nothing to sweep.
NOTHING_TO_SWEEP = {
    "takes-first-reader": SCENARIOS / "self-renewal/two-cards-attached.yaml",
    "takes-any-card": SCENARIOS / "assisted-renewal/wrong-holder-in-second-reader.yaml",
    "takes-any-device": SCENARIOS / "assisted-renewal/old-device-on-record.yaml",
}

# Not tried, as each of its runs takes minutes: a sweep holds a run against the client's own undisturbed one, which polls as
# well. Scenarios bound it by number.
TOO_SLOW_TO_SWEEP = {"polls"}
