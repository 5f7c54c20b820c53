"""An OpenID provider that a test is: it publishes keys and signs tokens."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm


class Provider:
    """An OpenID provider's keys, and tokens signed by them."""

    def __init__(self) -> None:
        self.keys = {"k1": ec.generate_private_key(ec.SECP256R1())}
        self.fetched = 0
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.fetched += 1
                body = json.dumps({"keys": [provider.public(name) for name in provider.keys]}).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
                del format, args

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def public(self, name: str) -> dict[str, Any]:
        return {
            **json.loads(ECAlgorithm.to_jwk(self.keys[name].public_key())),
            "kid": name,
            "use": "sig",
            "alg": "ES256",
        }

    def token(self, name: str = "k1", *, key: Any = None, algorithm: str = "ES256", **claims: Any) -> str:
        now = int(time.time())
        whole = {"iss": "https://id", "aud": "echo", "sub": "ada", "exp": now + 300, "groups": ["staff"], **claims}
        whole = {claim: value for claim, value in whole.items() if value is not None}
        return jwt.encode(whole, key or self.keys[name], algorithm, headers={"kid": name})

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
