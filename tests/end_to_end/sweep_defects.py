"""What a sweep is there to find: each way in which the careless client can be wrong, with one place that shows it."""

from pathlib import Path
from typing import NamedTuple

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"


class Defect(NamedTuple):
    """The place that shows it, what comes of it there, the promise that tells, and the scenario that is swept."""
    place: str
    outcome: str
    invariant: str
    scenario: Path = SCENARIOS / "self-renewal/in-window.yaml"


# By word of --careless. One place each: whoever tries more finds the same.
FOUND = {
    # In 9C: the certificate of 9A would have vouched for the next one, and an expired voucher is refused.
    "ignores-dates": Defect("live: authority certificate 9C before: past-dates", "violation", "I8"),
    # It looks whether the key fits, after writing: so the one for another person shows it, and not the one for another key.
    "writes-unchecked": Defect("live: authority certificate 9C before: wrong-holder", "violation", "I8"),
    "always-says-success": Defect("live: authority renewal before: refuse", "violation", "I8"),
    # One pair is new by then, and of the other the key: by its cache none of the two works any more.
    "keeps-a-cache": Defect("live: generate-key-pair 9C after: kill-client", "violation", "I9"),
    "never-looks-for-half-finished": Defect("live: generate-key-pair 9C after: cut-power", "violation", "I9"),
    # Its certificate of 9A stays without a key.
    "has-no-way-back": Defect("live: generate-key-pair 9A after: cut-power", "violation", "I4"),
    "no-time-out": Defect("live: authority renewal before: hang", "violation", "I10"),
    # Where nobody mistypes there is nothing to try again.
    "retries-passcode": Defect("live: authority login before: drop", "violation", "I11",
                               SCENARIOS / "self-renewal/wrong-then-right-passcode.yaml"),
}

# What no interruption brings to light, and why; scenarios find it (test_careless.py).
NOT_BY_INTERRUPTING = {
    "forgets-read-back": "a card that was interrupted gives no answer; one that says 9000 and keeps nothing is a scenario's",
    "polls": "a sweep holds a run against the client's own undisturbed one, which polls as well; scenarios bound it by number",
    "verifies-before-knowing-whose-card": "a sweep puts in no other card",
    "takes-first-reader": "the undisturbed run is of another card, and does not end well",
    "takes-any-card": "the undisturbed run is of another card, and does not end well",
    "takes-any-device": "the undisturbed run is of another card, and does not end well",
    "goes-on-without-agent": "the holder's card is renewed all the same, and no promise is about the agent's",
}
