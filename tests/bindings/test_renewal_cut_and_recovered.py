"""The same cuts where what they leave is less certain, and a second one while the card recovers from the first."""

import cardrig
import cut_renewal
import pytest


@pytest.fixture(scope="module")
def image():
    return cardrig.Card.from_profile("piv-staff", seed=1).image


# What is read from outside, with weak bits, is one draw of them; the card reads again and again.
@pytest.mark.parametrize("tearing", ["weak-bits", "lost-writes"])
def test_cut_at_every_write_and_run_again(image, tearing):
    cut_renewal.sweep(image, tearing)


def test_cut_again_in_recovery(image):
    before = cut_renewal.certificates(cardrig.Card.from_image(image, seed=1))
    cut_in_recovery = 0
    writes = cut_renewal.writes_of_renewal(image)
    for write in range(1, writes - 2, 2):  # the last ones, not every run has
        cut = cut_renewal.cut_renewal(image, write, "erase-block")
        assert cut is not None, f"write {write} was not reached"
        card, authority = cut
        card.cut_power(at_write=1, tearing="erase-block")
        try:
            card.power_on()
        except cardrig.PowerCut:
            cut_in_recovery += 1
            card.power_on()
        # As a new card, without the plan of a cut that had nothing to cut.
        cut_renewal.check_and_run_again(cardrig.Card.from_image(card.image, seed=1), before, authority)
    assert cut_in_recovery > 0
