"""A renewal, cut at every memory write that it makes: nothing that matters is lost, and running it again ends it."""

import cardrig
import cut_renewal
import pytest
import renewal


@pytest.fixture(scope="module")
def image():
    return cardrig.Card.from_profile("piv-staff", seed=1).image


def test_an_undisturbed_renewal_with_rsa_replaces_both_certificates():
    card = cardrig.Card.from_profile("piv-staff", seed=1)
    before = cut_renewal.certificates(card)
    authority = renewal.Authority()
    renewal.renew(card, authority, algorithm=renewal.RSA_2048)
    for slot, certificate in cut_renewal.certificates(card).items():
        assert certificate.der != before[slot].der
        assert certificate.der in authority.issued
        assert certificate.matches_key


@pytest.mark.parametrize("tearing", ["prefix half", "atomic-page", "erase-block"])
def test_cut_at_every_write_and_run_again(image, tearing):
    cut_renewal.sweep(image, tearing)


def test_a_cut_that_is_planned_after_the_last_write_does_not_happen(image):
    card = cardrig.Card.from_image(image, seed=1)
    card.cut_power(at_write=1_000_000)
    renewal.renew(card, renewal.Authority())
    assert card.power_cut_pending
