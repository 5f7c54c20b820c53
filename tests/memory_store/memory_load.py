"""A steady writer in a pod of the cluster: each memory has a key, and is written until it is acknowledged.

It stands alone: the pod has psycopg2 and none of our packages. It prints one JSON document at the end.
"""

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import psycopg2  # pyright: ignore[reportMissingImports, reportMissingModuleSource]

ENDING: list[bool] = []
TRUST = "sslmode=verify-full sslrootcert=/secret/trust/ca.crt connect_timeout=3 keepalives_idle=2"


def connect() -> Any:
    """Sign in as the schema's owner."""
    read = {name: Path(f"/secret/owner/{name}").read_text() for name in ("username", "password")}
    host = Path("/secret/app/host").read_text()
    return psycopg2.connect(f"host={host} dbname=echo user={read['username']} {TRUST}", password=read["password"])


def main() -> None:
    """Write until it is told to stop."""

    def end(_number: int, _frame: object) -> None:
        ENDING.append(True)

    signal.signal(signal.SIGTERM, end)
    begun = last = time.monotonic()
    acknowledged = retries = 0
    pauses: list[float] = []
    connection: Any = None
    while not ENDING and time.monotonic() - begun < float(sys.argv[1]):
        try:
            if connection is None:
                connection = connect()
                connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SET statement_timeout = '3s'")
                cursor.execute("INSERT INTO load (key) VALUES (%s) ON CONFLICT DO NOTHING", (acknowledged,))
        except psycopg2.Error:
            # Whether it was written is not known: the same key again, as a service does.
            retries += 1
            connection = None
            time.sleep(0.1)
            continue
        now = time.monotonic()
        if now - last > 1:
            pauses.append(round(now - last, 2))
        last = now
        acknowledged += 1
        time.sleep(0.005)
    sys.stdout.write(json.dumps({"acknowledged": acknowledged, "retries": retries, "pauses": pauses}))


main()
