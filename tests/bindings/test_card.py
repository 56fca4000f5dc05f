"""The module's objects: cards, passcodes, certificates, errors."""

import datetime
import hashlib
import json
import threading
import zlib

import cardrig
import pytest
import renewal


@pytest.fixture
def card():
    return cardrig.Card.from_profile("piv-staff", seed=1)


def test_profiles_are_listed():
    assert "piv-staff" in cardrig.profiles()


def test_an_unknown_profile_is_a_value_error_that_names_the_known_ones():
    with pytest.raises(ValueError, match="piv-staff"):
        cardrig.Card.from_profile("piv-stuff")


def test_an_unknown_override_is_a_value_error():
    with pytest.raises(ValueError, match="passcoad"):
        cardrig.Card.from_profile("piv-staff", overrides={"passcoad.tries": "3"})


def test_certificates_are_objects_with_dates_in_utc(card):
    assert [certificate.slot for certificate in card.certificates] == ["9A", "9C"]
    for certificate in card.certificates:
        assert certificate.matches_key
        assert certificate.not_before.tzinfo == datetime.timezone.utc
        assert certificate.not_before < datetime.datetime.now(datetime.timezone.utc) < certificate.not_after
        assert "UID=" in certificate.subject


def test_overrides_move_the_dates():
    card = cardrig.Card.from_profile("piv-staff", overrides={"certificates.9A.expires": "10 days"})
    left = card.certificates[0].not_after - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(days=9) < left <= datetime.timedelta(days=10)


def test_a_wrong_passcode_costs_a_try_and_the_right_one_gives_it_back(card):
    renewal.select(card)
    with pytest.raises(renewal.Refused, match="63C2"):
        renewal.verify(card, "999999")
    assert card.passcode.tries_left == 2
    assert not card.passcode.locked
    renewal.verify(card, "123456")
    assert card.passcode.tries_left == card.passcode.tries == 3


def test_looking_for_the_passcode_costs_no_try(card):
    assert card.passcode_is("123456")
    assert not card.passcode_is("654321")
    assert card.passcode.tries_left == 3


def test_three_wrong_passcodes_lock_the_card(card):
    renewal.select(card)
    for status in ("63C2", "63C1", "63C0", "6983"):
        with pytest.raises(renewal.Refused, match=status):
            renewal.verify(card, "999999")
    assert card.passcode.locked


def test_an_image_brings_the_same_card_back(card, tmp_path):
    renewal.select(card)
    with pytest.raises(renewal.Refused):
        renewal.verify(card, "999999")
    again = cardrig.Card.from_image(card.image)
    assert again.passcode.tries_left == 2
    assert [c.sha256 for c in again.certificates] == [c.sha256 for c in card.certificates]
    card.save(str(tmp_path / "card.image"))
    assert (tmp_path / "card.image").read_bytes() == card.image


def test_bytes_that_are_no_image_are_a_value_error():
    with pytest.raises(ValueError):
        cardrig.Card.from_image(b"not a card")


def test_an_image_whose_memory_is_erased_is_a_card_error(card):
    # Layout of an image: magic and version, configuration, SHA-256 of configuration and memory with its length, each
    # a line; then the memory, deflated.
    first, config, _, _ = card.image.split(b"\n", 3)
    geometry = json.loads(config)["card"]["memory"]
    size = geometry["page"] * geometry["pages-per-block"] * geometry["blocks"]
    memory = zlib.compress(b"\xff" * size)
    digest = hashlib.sha256(config + b"\n" + memory).hexdigest().upper()
    checksum = f"{digest} {len(memory)}".encode()
    with pytest.raises(cardrig.CardError, match="erased"):
        cardrig.Card.from_image(b"\n".join([first, config, checksum, memory]))


def test_paths_buffers_and_numbers_are_taken_as_python_has_them(card, tmp_path):
    card.save(tmp_path / "card.image")
    assert (tmp_path / "card.image").read_bytes() == card.image
    select = bytes.fromhex("00A4040009A00000030800001000")
    assert card.transmit(bytearray(select)) == card.transmit(memoryview(select)) == card.transmit(select)
    assert cardrig.Card.from_image(bytearray(card.image)).image == card.image
    assert cardrig.Card.from_profile("piv-staff", overrides={"passcode.tries": 5}).passcode.tries == 5
    with pytest.raises(ValueError, match="nowhere.yaml"):
        cardrig.Card.from_profile(tmp_path / "nowhere.yaml")
    with pytest.raises(TypeError, match="passcode.tries"):
        cardrig.Card.from_profile("piv-staff", overrides={"passcode.tries": 5.0})


def test_an_image_that_cannot_be_saved_is_an_os_error(card):
    with pytest.raises(OSError, match="/nonexistent/x"):
        card.save("/nonexistent/x")


def test_without_power_there_is_no_answer(card):
    card.power_off()
    assert card.atr == b""
    with pytest.raises(cardrig.PowerCut, match="no power"):
        card.transmit(bytes.fromhex("00A4040009A00000030800001000"))
    card.power_on()
    assert card.atr[0] == 0x3B


def write_object(card):
    renewal.select(card)
    renewal.authenticate(card)
    content = bytes.fromhex("7003010203")
    renewal.command(card, 0xDB, 0x3F, 0xFF, renewal.tlv("5C", bytes.fromhex("5FC120")) + renewal.tlv("53", content))


def test_power_lost_in_recovery_is_a_power_cut_and_the_next_power_on_recovers(card):
    image = card.image
    write_object(card)
    writes = card.writes
    cut_in_recovery = 0
    for write in range(1, writes + 1):
        again = cardrig.Card.from_image(image, seed=1)
        again.cut_power(at_write=write, tearing="erase-block")
        with pytest.raises(cardrig.PowerCut, match="memory write"):
            write_object(again)
        again.cut_power(at_write=1, tearing="erase-block")
        try:
            again.power_on()
        except cardrig.PowerCut as cut:
            assert "recovery" in str(cut)
            assert again.atr == b""
            cut_in_recovery += 1
            again.power_on()
        again = cardrig.Card.from_image(again.image, seed=1)  # without a cut that had nothing to cut
        assert again.atr == card.atr
        assert again.passcode_is("123456")
        write_object(again)
    assert cut_in_recovery > 0


def test_a_cut_counts_from_one_and_names_a_wrong_tearing(card):
    with pytest.raises(ValueError, match="from 1"):
        card.cut_power(at_write=0)
    with pytest.raises(ValueError, match="prefix"):
        card.cut_power(at_write=1, tearing="prefixx half")


def test_the_same_seed_gives_the_same_answers():
    def challenge(seed):
        other = cardrig.Card.from_profile("piv-staff", seed=seed)
        renewal.select(other)
        return renewal.command(other, 0x87, 0x03, 0x9B, bytes.fromhex("7C028100"))

    assert challenge(7) == challenge(7)
    assert challenge(7) != challenge(8)


def test_cards_live_in_threads_of_their_own():
    failures = []

    def work():
        try:
            renewal.renew(cardrig.Card.from_profile("piv-staff"), renewal.Authority())
        except Exception as error:  # reported by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert failures == []
    assert not any(thread.is_alive() for thread in threads)
