"""Superset's settings, where they differ from its own."""

import os
import sys
from pathlib import Path

HOME = Path(os.environ["SUPERSET_HOME"])

# Where start.sh puts Trino's driver. Last, so that the packages of the image stay in force.
sys.path.append(str(HOME / "driver"))

# Signs sessions and encrypts stored passwords. start.sh makes one, which stays in the volume.
SECRET_KEY = os.environ.get("SUPERSET_SECRET_KEY") or (HOME / "secret-key").read_text()

APP_NAME = "stockpipe"
