"""A renewal that loses power at a memory write: what must hold then, and that running it again ends it."""

import cardrig
import pytest
import renewal


def certificates(card):
    return {certificate.slot: certificate for certificate in card.certificates}


def check_whole(card, before, issued):
    """What must hold wherever the power went, once."""
    renewal.select(card)
    assert card.passcode_is("123456")
    assert card.passcode.tries_left in (2, 3)  # of three: one cut costs at most the try under way
    assert card.unblocking_code.tries_left == card.unblocking_code.tries
    for slot, certificate in certificates(card).items():
        assert certificate.der == before[slot].der or certificate.der in issued, f"{slot} is torn"
    assert set(certificates(card)) == {"9A", "9C"}
    # One of the pair still proves who the holder is.
    assert any(certificate.matches_key for certificate in certificates(card).values())
    # The verified state is gone with the power.
    with pytest.raises(renewal.Refused, match="63C"):
        renewal.command(card, 0x20, 0x00, 0x80)


def writes_of_renewal(image):
    card = cardrig.Card.from_image(image, seed=1)
    renewal.renew(card, renewal.Authority())
    assert card.writes > 20
    return card.writes


def cut_renewal(image, write, tearing):
    """The card with its power gone at that write, and its authority; None if the renewal had no such write."""
    card = cardrig.Card.from_image(image, seed=1)
    authority = renewal.Authority()
    card.cut_power(at_write=write, tearing=tearing)
    try:
        renewal.renew(card, authority)
    except cardrig.PowerCut:
        return card, authority
    return None


def check_and_run_again(card, before, authority):
    check_whole(card, before, authority.issued)
    renewal.renew(card, authority)
    after = certificates(card)
    assert all(certificate.matches_key for certificate in after.values())
    assert all(certificate.der in authority.issued for certificate in after.values())
    assert card.passcode.tries_left == 3


def sweep(image, tearing):
    before = certificates(cardrig.Card.from_image(image, seed=1))
    writes = writes_of_renewal(image)
    for write in range(1, writes + 1):
        cut = cut_renewal(image, write, tearing)
        if cut is None:
            # Certificates differ in length by a byte or two, and so may the writes of two runs.
            assert write > writes - 3, f"write {write} of {writes} was not reached"
            continue
        card, authority = cut
        card.power_on()
        try:
            check_and_run_again(card, before, authority)
        except Exception as error:
            raise AssertionError(f"write {write} {tearing}") from error
