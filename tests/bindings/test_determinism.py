"""With a seed, the same commands get the same answers in every process, and in threads at the same time."""

import hashlib
import subprocess
import sys
import threading
from pathlib import Path

import cardrig
import renewal

# What a process of its own is told to do: an image's path and a seed come in, a digest goes out.
CHILD = """
import sys
sys.path.insert(0, sys.argv[1])
import test_determinism
seed = int(sys.argv[3]) if sys.argv[3] else None
print(test_determinism.digest_of_a_life(open(sys.argv[2], "rb").read(), seed))
"""


def digest_of_a_life(image, seed, wait=lambda: None):
    """Challenges, keys, signatures and the image in the end, as one digest. `wait` is called between the steps."""
    card = cardrig.Card.from_image(image, seed=seed)
    life = hashlib.sha256()
    wait()
    renewal.select(card)
    life.update(renewal.command(card, 0x87, 0x03, 0x9B, bytes.fromhex("7C028100")))
    renewal.authenticate(card)
    for slot in (0x9A, 0x9C):
        wait()
        life.update(renewal.command(card, 0x47, 0x00, slot, bytes.fromhex("AC03800111")))
        renewal.verify(card, "123456")
        life.update(renewal.command(card, 0x87, 0x11, slot, bytes.fromhex("7C2482008120") + bytes(range(32))))
    wait()
    card.power_off()
    card.power_on()
    life.update(renewal.command(card, 0x87, 0x03, 0x9B, bytes.fromhex("7C028000")))
    life.update(card.image)
    return life.hexdigest()


def fresh_image():
    return cardrig.Card.from_profile("piv-staff", seed=1).image


def children(image_path, seeds):
    """One process each, all at the same time; their digests."""
    words = [sys.executable, "-c", CHILD, str(Path(__file__).parent), str(image_path)]
    processes = [subprocess.Popen([*words, str(seed)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                 for seed in seeds]
    digests = []
    for process in processes:
        out, error = process.communicate(timeout=120)
        assert process.returncode == 0, error
        digests.append(out.strip())
    return digests


def test_other_processes_lead_the_same_life(tmp_path):
    image = fresh_image()
    path = tmp_path / "card.image"
    path.write_bytes(image)
    own = digest_of_a_life(image, 5)
    first, again, other, none, nothing = children(path, [5, 5, 6, "", ""])
    assert first == again == own
    assert len({own, other, none, nothing}) == 4
    assert other == digest_of_a_life(image, 6)


def test_threads_lead_the_same_lives_side_by_side():
    image = fresh_image()
    seeds = [5, 6, 5, 6]
    barrier = threading.Barrier(len(seeds))
    found = [None] * len(seeds)

    def lead(number):
        found[number] = digest_of_a_life(image, seeds[number], lambda: barrier.wait(60))

    threads = [threading.Thread(target=lead, args=(number,)) for number in range(len(seeds))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [digest_of_a_life(image, seed) for seed in seeds]
    assert found[0] != found[1]
