"""The person in front of the client, and how a task ends when it does not end well."""

import sys
import termios

DONE, FAILED, WRONG_WORDS, NOT_DUE, EXPIRED, LOCKED, WRONG_CARD, REFUSED, CANCELLED = range(9)
CONTACT = "contact the registration authority"


class Trouble(Exception):
    """Ends the task: what the person is told, and the exit status."""

    def __init__(self, message, status=FAILED):
        super().__init__(message)
        self.status = status


class Person:
    """Reads what is typed, on a terminal or a pipe, and prints what is to be seen at once. `yes`: what is only to be
    confirmed is not asked."""

    def __init__(self, yes=False):
        self.yes = yes

    def say(self, text):
        print(text, flush=True)

    def ask(self, question, secret=False):
        """What was typed, without the line's end. What is secret is not shown on a terminal."""
        # The echo is off before the question can be seen: somebody may be quick.
        settings = self._without_echo() if secret and sys.stdin.isatty() else None
        try:
            print(question, end="", flush=True)
            line = sys.stdin.readline()
        finally:
            if settings:
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, settings)
        if settings or not sys.stdin.isatty():
            print(flush=True)
        if not line:
            raise Trouble("Cancelled", CANCELLED)
        return line.rstrip("\r\n")

    def ask_passcode(self, question):
        """Empty, or the word, means that the person does not want to go on."""
        passcode = self.ask(question, secret=True)
        if passcode in ("", "cancel"):
            raise Trouble("Cancelled", CANCELLED)
        return passcode

    def agrees(self, question):
        return self.yes or self.ask(question).strip().lower() in ("y", "yes")

    @staticmethod
    def _without_echo():
        before = termios.tcgetattr(sys.stdin.fileno())
        silent = list(before)
        silent[3] &= ~termios.ECHO
        termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, silent)
        return before
