"""A renewal, cut at every memory write that it makes: nothing that matters is lost, and running it again ends it."""

import cardrig
import pytest
import renewal

TEARINGS = ["prefix half", "atomic-page", "erase-block"]


@pytest.fixture(scope="module")
def image():
    return cardrig.Card.from_profile("piv-staff", seed=1).image


def certificates(card):
    return {certificate.slot: certificate for certificate in card.certificates}


def check_whole(card, before, issued):
    """What must hold wherever the power went."""
    renewal.select(card)
    assert card.passcode_is("123456")
    assert card.passcode.tries_left <= 3
    for slot, certificate in certificates(card).items():
        assert certificate.der == before[slot].der or certificate.der in issued, f"{slot} is torn"
    assert set(certificates(card)) == {"9A", "9C"}
    # One of the pair still proves who the holder is.
    assert any(certificate.matches_key for certificate in certificates(card).values())
    # The verified state is gone with the power.
    with pytest.raises(renewal.Refused, match="63C"):
        renewal.command(card, 0x20, 0x00, 0x80)


def test_an_undisturbed_renewal_with_rsa_replaces_both_certificates():
    card = cardrig.Card.from_profile("piv-staff", seed=1)
    before = certificates(card)
    authority = renewal.Authority()
    renewal.renew(card, authority, algorithm=renewal.RSA_2048)
    for slot, certificate in certificates(card).items():
        assert certificate.der != before[slot].der
        assert certificate.der in authority.issued
        assert certificate.matches_key


@pytest.mark.parametrize("tearing", TEARINGS)
def test_cut_at_every_write_and_run_again(image, tearing):
    undisturbed = cardrig.Card.from_image(image, seed=1)
    before = certificates(undisturbed)
    renewal.renew(undisturbed, renewal.Authority())
    writes = undisturbed.writes
    assert writes > 20

    for write in range(1, writes + 1):
        card = cardrig.Card.from_image(image, seed=1)
        authority = renewal.Authority()
        card.cut_power(at_write=write, tearing=tearing)
        try:
            renewal.renew(card, authority)
            # Certificates differ in length by a byte or two, and so may the writes of two runs.
            assert write > writes - 3, f"write {write} of {writes} was not reached"
            continue
        except cardrig.PowerCut:
            pass
        card.power_on()
        check_whole(card, before, authority.issued)
        renewal.renew(card, authority)
        after = certificates(card)
        assert all(certificate.matches_key for certificate in after.values()), f"write {write}"
        assert all(certificate.der in authority.issued for certificate in after.values()), f"write {write}"
        assert card.passcode.tries_left == 3


def test_a_cut_that_is_planned_after_the_last_write_does_not_happen(image):
    card = cardrig.Card.from_image(image, seed=1)
    card.cut_power(at_write=1_000_000)
    renewal.renew(card, renewal.Authority())
    assert card.power_cut_pending
