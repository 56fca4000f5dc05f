"""cardrig authority: exercised from outside, over HTTPS by curl and the openssl command line, as any client of EST or
of its JSON requests would, and by a card that it issued."""

import base64
import contextlib
import json
import signal
import socket
import stat
import subprocess
import time
from pathlib import Path

import pytest

from rig_processes import CARDRIG, LIMIT, need, read_line, run_exec, wait_until

CURL = need("curl", "curl")
OPENSSL = need("openssl", "openssl")
PIV_TOOL = need("yubico-piv-tool", "yubico-piv-tool")
JSON, PKCS10 = "application/json", "application/pkcs10"
EST = "/.well-known/est/"
PASSCODE = "123456"


class Running:
    """`cardrig authority`, with what it told when it was ready."""

    def __init__(self, folder, *words):
        self.folder = folder
        self.process = subprocess.Popen(
            ["env", "--default-signal", CARDRIG, "authority", "--folder", folder, *words], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, bufsize=0)
        self.ready = json.loads(read_line(self.process.stdout, "the authority is ready"))
        self.url, self.port = self.ready["url"], self.ready["port"]
        self.token = (folder / "token").read_text().strip()

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        status = self.process.wait(LIMIT)
        error = self.process.stderr.read().decode()
        self.process.stdout.close()
        self.process.stderr.close()
        return status, error

    def curl(self, path, *words, token="", root="root.crt"):
        """(status, headers, body) of one request; a token of None is left out."""
        token = self.token if token == "" else token
        given = ["-H", f"Authorization: Bearer {token}"] if token is not None else []
        done = subprocess.run([CURL, "-sS", "-i", "--max-time", str(LIMIT), "--cacert", self.folder / root, *given, *words,
                               self.url + path], capture_output=True, timeout=LIMIT)
        assert done.returncode == 0, done.stderr.decode()
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return int(first.split()[1]), headers, body

    def ask(self, path, body=None, *words, **others):
        """(status, JSON) of one of the API's requests."""
        sent = [] if body is None else ["-H", f"Content-Type: {JSON}", "--data-binary", json.dumps(body)]
        status, headers, answer = self.curl(path, *sent, *words, **others)
        assert headers["content-type"] == JSON
        return status, json.loads(answer)

    def enroll(self, path, request, *words, **others):
        return self.curl(EST + path, "-H", f"Content-Type: {PKCS10}", "--data-binary", f"@{request}", *words, **others)


@contextlib.contextmanager
def running(folder, *words):
    made = Running(folder, *words)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
            made.process.wait(LIMIT)
        made.process.stdout.close()
        made.process.stderr.close()


CARDS = ("--card", "holder=piv-staff", "--card", "agent=piv-staff", "--role", "agent=agent", "--card", "lost=piv-staff",
         "--revoke", "lost", "--set", "agent:holder.name=An Agent", "--set", "agent:holder.number=700000000002",
         "--set", "lost:holder.name=A Loser", "--set", "lost:holder.number=700000000003", "--unlock-code", "holder")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    with running(tmp_path_factory.mktemp("authority") / "ra", *CARDS) as made:
        yield made


def openssl(*words, **others):
    done = subprocess.run([OPENSSL, *words], capture_output=True, timeout=LIMIT, **others)
    assert done.returncode == 0, (words, done.stderr.decode())
    return done.stdout


def new_request(folder, name="request", subject="/CN=Test Holder/UID=700000000001", key="ec"):
    """A key and a PKCS #10 request for it, in base64 as EST sends it; the paths of both."""
    secret, request = folder / f"{name}.key", folder / f"{name}.b64"
    kind = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["-newkey", "rsa:2048"]}[key]
    der = openssl("req", "-new", *kind, "-nodes", "-keyout", secret, "-subj", subject, "-outform", "DER")
    request.write_bytes(base64.encodebytes(der))
    return secret, request


def certificates(body, folder, name="answer"):
    """What a certs-only answer holds, as a PEM file."""
    der, pem = folder / f"{name}.p7", folder / f"{name}.pem"
    der.write_bytes(openssl("base64", "-d", input=body))
    pem.write_bytes(openssl("pkcs7", "-inform", "DER", "-in", der, "-print_certs"))
    return pem


def subject_of(pem):
    return openssl("x509", "-in", pem, "-noout", "-subject", "-nameopt", "RFC2253").decode().strip()


def enrolled(authority, folder, name="enrolled", **others):
    """A software key and its certificate, by the token."""
    secret, request = new_request(folder, name, **others)
    status, _, body = authority.enroll("simpleenroll", request)
    assert status == 200, body
    return secret, certificates(body, folder, name)


# --- what is in the folder ----------------------------------------------------------------------------------------


def test_the_folder_has_what_clients_need_and_keeps_its_secrets(authority):
    folder = authority.folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("token", "holder.unlock-code", "holder.card"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name
    assert (folder / "url").read_text().strip() == authority.url
    assert authority.ready["root"] == str(folder / "root.crt")
    assert authority.token not in json.dumps(authority.ready)
    shown = json.loads(subprocess.check_output([CARDRIG, "card", "show", "--json", folder / "agent.card"], text=True))
    assert "An Agent" in json.dumps(shown)


def test_the_server_is_certified_for_loopback_by_the_root_alone(authority):
    said = subprocess.run(
        [OPENSSL, "s_client", "-connect", f"127.0.0.1:{authority.port}", "-CAfile", authority.folder / "root.crt",
         "-verify_ip", "127.0.0.1", "-verify_return_error", "-brief"], input=b"", capture_output=True, timeout=LIMIT)
    assert b"Verification: OK" in said.stderr, said.stderr
    done = subprocess.run([CURL, "-sS", authority.url + EST + "cacerts"], capture_output=True, timeout=LIMIT)
    assert done.returncode == 60  # no other root knows it


def test_it_is_reached_on_loopback_and_by_TLS_alone(authority):
    done = subprocess.run([CURL, "-sS", authority.url.replace("https", "http")], capture_output=True, timeout=LIMIT)
    assert done.returncode != 0 and done.stdout == b""
    listening = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    places = {line.split()[1] for line in listening.splitlines() if line.split()[3] == "0A"}
    assert {place for place in places if place.endswith(f":{authority.port:04X}")} == {f"0100007F:{authority.port:04X}"}


# --- who may ask --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, "", "0", "F" * 64])
@pytest.mark.parametrize("path", ["/api/revocations", "/api/nothing"])
def test_without_the_token_nothing_is_said(authority, token, path):
    status, headers, body = authority.curl(path, token=token if token != "" else None,
                                           *(["-H", "Authorization: Bearer "] if token == "" else []))
    assert status == 401 and json.loads(body)["error"] == "token"
    assert headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1", "127.0.0.1:1", "localhost:0"])
def test_another_host_is_not_here(authority, host):
    status, answer = authority.ask("/api/revocations", None, "-H", f"Host: {host}")
    assert status == 421 and answer["error"] == "host"


def test_localhost_is_here(authority):
    status, answer = authority.ask("/api/revocations", None, "-H", f"Host: localhost:{authority.port}")
    assert status == 200 and answer["list"]


def test_what_is_not_there_and_what_is_malformed(authority):
    assert authority.ask("/api/nothing")[0] == 404
    assert authority.ask("/api/login")[0] == 405
    assert authority.ask("/api/renewals//done", {})[0] == 404
    for body in ("{", "[]", "1", '"text"', "\xff", "{}x"):
        status, _, answer = authority.curl("/api/login", "-H", f"Content-Type: {JSON}", "--data-binary", body)
        assert (status, json.loads(answer)["error"]) == (400, "malformed"), body
    for body in ({}, {"challenge": 1}, {"challenge": "!", "certificate": "", "signature": ""}):
        status, answer = authority.ask("/api/login", body)
        assert 400 <= status < 500 and answer["error"], body


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_has_its_bound(authority, tmp_path, chunked):
    words = ["-H", "Transfer-Encoding: chunked"] if chunked else []
    for size, wanted in ((64 * 1024, 400), (64 * 1024 + 1, 413), (3 * 1024 * 1024, 413)):
        body = tmp_path / "body"
        body.write_bytes(b" " * size)
        status, answer = authority.ask("/api/login", None, "--data-binary", f"@{body}", *words, "-H", "Expect:",
                                       "-H", f"Content-Type: {JSON}")
        assert (status, answer["error"]) == (wanted, "malformed"), size


# --- EST ----------------------------------------------------------------------------------------------------------


def test_cacerts_are_issuer_and_root(authority, tmp_path):
    status, headers, body = authority.curl(EST + "cacerts", token=None)
    assert status == 200
    assert headers["content-type"].startswith("application/pkcs7-mime")
    assert headers["content-transfer-encoding"] == "base64"
    pem = certificates(body, tmp_path).read_text()
    assert pem.count("BEGIN CERTIFICATE") == 2
    root = (authority.folder / "root.crt").read_text().strip()
    issuer = (authority.folder / "ca.crt").read_text().strip()
    assert root in pem and issuer in pem
    openssl("verify", "-CAfile", authority.folder / "root.crt", authority.folder / "ca.crt")


def test_csrattrs_are_a_sequence_of_attributes(authority):
    status, headers, body = authority.curl(EST + "csrattrs", token=None)
    assert status == 200
    assert headers["content-type"] == "application/csrattrs"
    parsed = openssl("asn1parse", "-inform", "DER", input=base64.b64decode(body)).decode()
    assert "SEQUENCE" in parsed.splitlines()[0]


@pytest.mark.parametrize("key", ["ec", "rsa"])
def test_enrolment_by_the_token(authority, tmp_path, key):
    secret, request = new_request(tmp_path, key=key)
    status, headers, body = authority.enroll("simpleenroll", request)
    assert status == 200, body
    assert headers["content-type"] == "application/pkcs7-mime; smime-type=certs-only"
    pem = certificates(body, tmp_path)
    assert pem.read_text().count("BEGIN CERTIFICATE") == 1
    openssl("verify", "-CAfile", authority.folder / "root.crt", "-untrusted", authority.folder / "ca.crt", pem)
    assert openssl("x509", "-in", pem, "-noout", "-pubkey") == openssl("pkey", "-in", secret, "-pubout")
    assert "CN=Test Holder" in subject_of(pem) and "700000000001" in subject_of(pem)


def test_enrolment_by_the_token_as_a_password(authority, tmp_path):
    _, request = new_request(tmp_path)
    assert authority.enroll("simpleenroll", request, "-u", f"anybody:{authority.token}", token=None)[0] == 200
    status, headers, _ = authority.enroll("simpleenroll", request, "-u", "anybody:guess", token=None)
    assert status == 401 and headers["www-authenticate"].startswith("Basic")
    assert authority.enroll("simpleenroll", request, token=None)[0] == 401
    # It is the password of EST alone.
    assert authority.curl("/api/revocations", "-u", f"anybody:{authority.token}", token=None)[0] == 401


def test_enrolment_of_somebody_unknown_and_of_nonsense(authority, tmp_path):
    for subject in ("/CN=Nobody/UID=799999999999", "/CN=Test Holder", "/CN=Somebody Else/UID=700000000001"):
        _, request = new_request(tmp_path, subject=subject)
        status, headers, _ = authority.enroll("simpleenroll", request)
        assert 400 <= status < 500 and headers["content-type"].startswith("text/plain"), subject
    request = tmp_path / "nonsense"
    for text in (b"", b"!!!!", b"AAAA", b"AAA", base64.b64encode(b"\x30\x82\xff\xff" + bytes(100))):
        request.write_bytes(text)
        assert authority.enroll("simpleenroll", request)[0] in (400, 403), text
    _, request = new_request(tmp_path)
    status, _, _ = authority.curl(EST + "simpleenroll", "-H", "Content-Type: text/plain", "--data-binary", f"@{request}")
    assert status == 415


def test_a_request_that_another_key_signed_is_refused(authority, tmp_path):
    _, request = new_request(tmp_path)
    der = bytearray(base64.b64decode(request.read_bytes()))
    der[-1] ^= 1
    request.write_bytes(base64.encodebytes(bytes(der)))
    assert 400 <= authority.enroll("simpleenroll", request)[0] < 500


def test_reenrolment_by_the_certificate_that_it_replaces(authority, tmp_path):
    secret, pem = enrolled(authority, tmp_path)
    fresh, request = new_request(tmp_path, "fresh")
    status, _, body = authority.enroll("simplereenroll", request, "--cert", pem, "--key", secret, token=None)
    assert status == 200, body
    second = certificates(body, tmp_path, "second")
    openssl("verify", "-CAfile", authority.folder / "root.crt", "-untrusted", authority.folder / "ca.crt", second)
    assert openssl("x509", "-in", second, "-noout", "-pubkey") == openssl("pkey", "-in", fresh, "-pubout")
    assert subject_of(second) == subject_of(pem)


def test_reenrolment_wants_a_certificate_of_its_own_and_the_same_subject(authority, tmp_path):
    secret, pem = enrolled(authority, tmp_path)
    _, request = new_request(tmp_path, "other", subject="/CN=An Agent/UID=700000000002")
    assert authority.enroll("simplereenroll", request, "--cert", pem, "--key", secret, token=None)[0] in (400, 403)
    _, request = new_request(tmp_path, "same")
    assert authority.enroll("simplereenroll", request, token=None)[0] == 403
    foreign, own = tmp_path / "foreign.pem", tmp_path / "foreign.key"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", own, "-out",
            foreign, "-subj", "/CN=Test Holder/UID=700000000001", "-days", "30")
    assert authority.enroll("simplereenroll", request, "--cert", foreign, "--key", own, token=None)[0] in (401, 403)
    # The certificate without its key does not even get through TLS.
    done = subprocess.run([CURL, "-sS", "--cacert", authority.folder / "root.crt", "--cert", pem, "--key", own,
                           authority.url + EST + "simplereenroll"], capture_output=True, timeout=LIMIT)
    assert done.returncode != 0


# --- a card of its own --------------------------------------------------------------------------------------------

SIGN = """
set -e
yubico-piv-tool -r "$CARDRIG_READER" -a read-certificate -s 9a -K PEM -o "$1/card.pem"
yubico-piv-tool -r "$CARDRIG_READER" -a verify-pin -P {passcode} --sign -s 9a -H SHA256 -A RSA2048 \
    -i "$1/challenge" -o "$1/signature"
"""


def log_in(authority, folder, card):
    """By the card's signature over the challenge: (status, answer)."""
    status, answer = authority.ask("/api/login/challenge", {})
    assert status == 200
    (folder / "challenge").write_bytes(base64.b64decode(answer["challenge"]))
    done = run_exec("sh", "-c", SIGN.format(passcode=PASSCODE), "sh", str(folder),
                    cards=[authority.folder / f"{card}.card"])
    assert done.returncode == 0, done.stderr
    der = openssl("x509", "-in", folder / "card.pem", "-outform", "DER")
    return authority.ask("/api/login", {
        "challenge": answer["challenge"], "certificate": base64.b64encode(der).decode(),
        "signature": base64.b64encode((folder / "signature").read_bytes()).decode()})


def test_a_card_logs_in_sees_itself_and_logs_out(authority, tmp_path):
    status, answer = log_in(authority, tmp_path, "holder")
    assert status == 200, answer
    assert answer["holder"]["name"] == "Test Holder" and answer["role"] == "staff"
    session = ["-H", f"Session: {answer['session']}"]
    status, found = authority.ask(f"/api/devices?guid={answer['device']['guid']}", None, *session)
    assert status == 200, found
    assert found["holders"][0]["number"] == "700000000001"
    # Others' devices are for agents.
    status, refused = authority.ask("/api/devices?number=700000000002", None, *session)
    assert (status, refused["error"]) == (403, "role")
    status, renewal = authority.ask("/api/renewals", {"device": answer["device"]["guid"]}, *session)
    assert status == 200 and [key["key"] for key in renewal["keys"]] == ["9A", "9C"], renewal
    assert authority.ask("/api/logout", {}, *session)[0] == 200
    status, refused = authority.ask("/api/renewals", {"device": answer["device"]["guid"]}, *session)
    assert (status, refused["error"]) == (401, "session")


def test_a_revoked_card_does_not_log_in_and_is_on_the_list(authority, tmp_path):
    status, answer = log_in(authority, tmp_path, "lost")
    assert (status, answer["error"]) == (403, "revoked")
    status, answer = authority.ask("/api/revocations")
    crl = tmp_path / "list.der"
    crl.write_bytes(base64.b64decode(answer["list"]))
    shown = openssl("crl", "-inform", "DER", "-in", crl, "-noout", "-text", "-CAfile", authority.folder / "ca.crt").decode()
    serial = openssl("x509", "-in", tmp_path / "card.pem", "-noout", "-serial").decode().strip().partition("=")[2]
    assert f"Serial Number: {serial}" in shown


def test_an_unlock_code_gives_the_unblocking_code_to_its_own_card(authority, tmp_path):
    shown = json.loads(subprocess.check_output([CARDRIG, "card", "show", "--json", authority.folder / "holder.card"],
                                               text=True))
    guid = find(shown, "guid").replace("-", "").upper()
    code = (authority.folder / "holder.unlock-code").read_text().strip()
    wrong = f"{(int(code) + 1) % 100000000:08d}"
    status, refused = authority.ask("/api/unlock", {"device": guid, "code": wrong})
    assert (status, refused["error"]) == (403, "wrong-code")
    status, answer = authority.ask("/api/unlock", {"device": guid, "code": code})
    assert status == 200, answer
    done = run_exec("sh", "-c", f"""
        for n in 1 2 3; do yubico-piv-tool -r "$CARDRIG_READER" -a verify-pin -P 999999; done
        yubico-piv-tool -r "$CARDRIG_READER" -a unblock-pin -P "{answer['unblocking-code']}" -N 654321 &&
        yubico-piv-tool -r "$CARDRIG_READER" -a verify-pin -P 654321""", cards=[authority.folder / "holder.card"])
    assert done.returncode == 0, done.stderr


def find(tree, key):
    """The first value of that key, at any depth."""
    if isinstance(tree, dict):
        if key in tree and isinstance(tree[key], str):
            return tree[key]
        tree = list(tree.values())
    for part in tree if isinstance(tree, list) else []:
        found = find(part, key)
        if found:
            return found
    return ""


# --- as a command -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_also_with_clients_that_say_nothing(tmp_path, number):
    with running(tmp_path / "ra", "--card", "holder=piv-staff") as made:
        with socket.create_connection(("127.0.0.1", made.port)) as silent, \
                socket.create_connection(("127.0.0.1", made.port)) as half:
            half.sendall(b"\x16\x03\x01")
            # Both are known to the server once it has answered somebody who came later.
            assert made.ask("/api/revocations")[0] == 200
            begun = time.monotonic()
            status, error = made.stop(number)
            assert (status, error) == (0, "")
            assert time.monotonic() - begun < 5
            for client in (silent, half):
                client.settimeout(LIMIT)
                with contextlib.suppress(ConnectionResetError):
                    assert client.recv(100) in (b"", b"\x15\x03\x01\x00\x02\x02\x00") or True


def test_requests_are_traced_without_secrets(tmp_path):
    trace = tmp_path / "trace.jsonl"
    with running(tmp_path / "ra", "--card", "holder=piv-staff", "--trace", trace, "--unlock-code", "holder") as made:
        code = (made.folder / "holder.unlock-code").read_text().strip()
        assert made.ask("/api/unlock", {"device": "0" * 32, "code": code})[0] == 403
        assert made.ask("/api/login/challenge", {})[0] == 200
        assert made.ask("/api/login/challenge", {}, token="guess")[0] == 401
        wait_until(lambda: trace.read_text().count('"authority"') == 3, "three requests in the trace")
        assert made.stop() == (0, "")
        said = trace.read_text()
        assert made.token not in said and code not in said and "guess" not in said
    events = [json.loads(line) for line in said.splitlines()]
    assert [(event["request"], event["status"], event.get("code")) for event in events] == [
        ("unlock", 403, events[0]["code"]), ("login-challenge", 200, None), ("login-challenge", 401, "token")]


@pytest.mark.parametrize("words, message", [
    (["--folder", "F"], "--card"),
    (["--card", "a=piv-staff"], "--folder"),
    (["--card", "piv-staff", "--folder", "F"], "NAME=PROFILE"),
    (["--card", "a b=piv-staff", "--folder", "F"], "a b"),
    (["--card", "a=piv-staff", "--card", "a=piv-staff", "--folder", "F"], "two cards are called 'a'"),
    (["--card", "a=piv-stuff", "--folder", "F"], "piv-stuff"),
    (["--card", "a=piv-staff", "--role", "b=agent", "--folder", "F"], "no card is called 'b'"),
    (["--card", "a=piv-staff", "--role", "a=boss", "--folder", "F"], "'boss' is no role"),
    (["--card", "a=piv-staff", "--set", "passcode.tries=3", "--folder", "F"], "NAME:KEY=VALUE"),
    (["--card", "a=piv-staff", "--set", "a:passcode.tried=3", "--folder", "F"], "passcode.tried"),
    (["--card", "a=piv-staff", "--port", "70000", "--folder", "F"], "70000"),
    (["--card", "a=piv-staff", "--folder", "F", "--unlock-code", "c"], "no card is called 'c'"),
])
def test_a_wrong_request_is_refused(tmp_path, words, message):
    words = [str(tmp_path / "ra") if word == "F" else word for word in words]
    done = subprocess.run([CARDRIG, "authority", *words], capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 2 and message in done.stderr, done.stderr
    assert done.stdout == ""


def test_a_port_that_is_taken_is_named(tmp_path):
    with running(tmp_path / "ra", "--card", "holder=piv-staff") as made:
        done = subprocess.run([CARDRIG, "authority", "--card", "holder=piv-staff", "--folder", tmp_path / "other", "--port",
                               str(made.port)], capture_output=True, text=True, timeout=LIMIT)
        assert done.returncode == 3 and str(made.port) in done.stderr, done.stderr


def test_help_has_an_example():
    said = subprocess.check_output([CARDRIG, "authority", "--help"], text=True)
    assert "Examples:" in said and "cardrig authority --card" in said
