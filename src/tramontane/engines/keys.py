"""The bearer key of an engine child, derived so that it is never stored.

The supervisor hands the key to the child, the gateway derives the same one from the pepper and
the nonce that the supervisor published. It does not know where the pepper is kept.
"""

import hashlib
import hmac


def engine_key(pepper: bytes, deployment: str, nonce: str) -> str:
    """Return 64 hexadecimal digits: HMAC-SHA256 (RFC 2104) of the deployment's name and `nonce`.

    `nonce` is drawn anew for every start of a child, so that no key outlives its process.
    """
    name = deployment.encode()
    message = b"engine-key\0" + len(name).to_bytes(8, "big") + name + nonce.encode()
    return hmac.new(pepper, message, hashlib.sha256).hexdigest()
