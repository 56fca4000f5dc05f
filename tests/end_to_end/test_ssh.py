"""OpenSSH with the card's keys: they are listed as they are on the card, and an agent signs with them."""

import pytest

from client_session import EVERY_KEY, PASSCODE, WRONG, Session, need_pkcs11_module, new_card, public_key, shown
from rig_processes import need

PKCS15_TOOL = need("pkcs15-tool", "opensc")
SSH_AGENT = need("ssh-agent", "openssh-client")
SSH_ADD = need("ssh-add", "openssh-client")
SSH_KEYGEN = need("ssh-keygen", "openssh-client")
MODULE = need_pkcs11_module()

# An agent of its own for the commands behind it; ssh-add asks for the passcode by the program that it is given.
WITH_AGENT = 'set -e; "$1" -s "$2" >&2; shift 2; exec "$@"'


@pytest.fixture
def session(tmp_path):
    with Session([new_card(tmp_path / "card", *EVERY_KEY)], tmp_path) as session:
        yield session


def in_agent(session, passcode, *command):
    asking = session.folder / "asking"
    asking.write_text(f"#!/bin/sh\necho {passcode}\n")
    asking.chmod(0o700)
    return session.attempt(SSH_AGENT, "sh", "-c", WITH_AGENT, "sh", SSH_ADD, MODULE, *command,
                           environment={"SSH_ASKPASS": str(asking), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"})


def test_keys_are_listed_as_they_are_in_the_certificates(session, tmp_path):
    listed = session.run(SSH_KEYGEN, "-D", MODULE).output
    for identifier in ("01", "02"):
        certificate = tmp_path / f"{identifier}.crt"
        session.run(PKCS15_TOOL, "--read-certificate", identifier, "-o", certificate)
        key = session.run(SSH_KEYGEN, "-i", "-m", "PKCS8", "-f", public_key(certificate)).output
        assert key.split()[1] in listed


def test_an_agent_signs_with_the_authentication_key(session, tmp_path):
    message, key, signers = tmp_path / "message", tmp_path / "key.pub", tmp_path / "signers"
    message.write_bytes(b"to be signed")
    public = " ".join(session.run(SSH_KEYGEN, "-D", MODULE).output.splitlines()[0].split()[:2])
    key.write_text(public + "\n")
    signers.write_text(f"holder {public}\n")
    step = in_agent(session, PASSCODE, SSH_KEYGEN, "-Y", "sign", "-f", key, "-n", "file", message)
    assert step.status == 0, step.said
    check = [SSH_KEYGEN, "-Y", "verify", "-f", signers, "-I", "holder", "-n", "file", "-s", f"{message}.sig"]
    assert 'Good "file" signature for holder' in session.run(*check, typed=message.read_text()).output
    assert session.attempt(*check, typed="another message").status != 0


def test_an_agent_gets_no_keys_with_a_wrong_passcode_which_costs_one_try(tmp_path):
    with Session([new_card(tmp_path / "card")], tmp_path, options=["--image", str(tmp_path / "after")]) as session:
        assert in_agent(session, WRONG, "true").status != 0
    assert shown(tmp_path / "after")["passcode"]["tries-left"] == 2
