"""The command line."""

import argparse
import os

from .certificates import trusted_in
from .flows import Client
from .person import WRONG_WORDS, Person
from .service import TIME_OUT, Service

TASKS = ("login", "renew", "update-card", "assist", "unlock", "change-passcode", "view")
OFFLINE = ("change-passcode", "view")


def words(name):
    parser = argparse.ArgumentParser(prog=name, description="Renews the certificates of a PIV card. The authority's "
                                     "token comes in the environment, AUTHORITY_TOKEN.")
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--reader", help="its name, or a part of it; else the only one with a card")
    parser.add_argument("--authority", metavar="URL")
    parser.add_argument("--trust", metavar="FILE", help="the authority's root certificate, PEM")
    parser.add_argument("--second-reader", help="for the holder's card, where there are more than two")
    parser.add_argument("--holder", help="whom to assist: name or number")
    parser.add_argument("--role", help="for the login, where the holder has several")
    parser.add_argument("--patience", type=float, default=TIME_OUT, metavar="SECONDS", help="for any one answer of the "
                        "authority; %(default)s")
    parser.add_argument("--yes", action="store_true", help="confirms what is to be confirmed")
    parser.add_argument("--test-login", action="store_true", help="after a renewal, with the card put in again")
    return parser


def main(name="python-client", client=Client, service=Service, arguments=None):
    """The exit status. `client` and `service` are what does it; the arguments are the process's own where none are
    given."""
    parser = words(name)
    options = parser.parse_args(arguments)
    if options.task in OFFLINE:
        return client(options, Person(options.yes), None, []).run()
    if not (options.authority or "").startswith("https://") or not options.trust:
        parser.error(f"{options.task} wants --authority https://... and --trust FILE")
    try:
        trusted = trusted_in(options.trust)
        spoken_to = service(options.authority, options.trust, os.environ.get("AUTHORITY_TOKEN", ""),
                            options.patience)
    except (OSError, ValueError) as error:
        parser.print_usage()
        print(f"{name}: {options.trust}: {error}")
        return WRONG_WORDS
    return client(options, Person(options.yes), spoken_to, trusted).run()
