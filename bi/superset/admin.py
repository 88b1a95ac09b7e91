"""Gives the administrator the password that is in SUPERSET_ADMIN_PASSWORD."""

import os
import sys

from superset.app import create_app

NAME = "admin"
SHORTEST = 8


def main() -> None:
    password = os.environ.get("SUPERSET_ADMIN_PASSWORD", "")
    if len(password) < SHORTEST:
        sys.exit(
            "error: the administrator of Superset gets no password\n"
            f"  why: SUPERSET_ADMIN_PASSWORD has less than {SHORTEST} characters\n"
            "  try: set another one in .env"
        )
    with create_app().app_context():
        from superset import security_manager as users

        found = users.find_user(NAME)
        if found is None:
            role = users.find_role(users.auth_role_admin)
            users.add_user(NAME, "stockpipe", "administrator", "admin@localhost", role, password)
        else:
            users.reset_password(found.id, password)


main()
