"""Gives a restic repository a key that is cheap to derive, in place of its own.

restic and rustic spend half a second on scrypt at each start, by design. Where the
milliseconds of hooks are compared, that half second and its noise would drown them.
The repository stays a real one: only the cost of its password falls.

    cheap_key.py REPOSITORY PASSWORD
"""

import base64
import hashlib
import json
import os
import sys
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305


def derive(password: str, salt: bytes, n: int, r: int, p: int) -> tuple[bytes, bytes, bytes]:
    """The key of encryption, and the two halves of that of the authentication."""
    key = hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=1 << 30, dklen=64)
    return key[:32], key[32:48], key[48:]


def tag(k: bytes, r: bytes, nonce: bytes, ciphertext: bytes) -> bytes:
    """Poly1305-AES."""
    aes = Cipher(algorithms.AES(k), modes.ECB()).encryptor()
    return Poly1305.generate_tag(r + aes.update(nonce), ciphertext)


def crypt(key: bytes, nonce: bytes, text: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.CTR(nonce)).encryptor().update(text)


def main(repository: str, password: str) -> None:
    (path,) = Path(repository, "keys").iterdir()
    key = json.loads(path.read_text())
    encryption, k, r = derive(password, base64.b64decode(key["salt"]), key["N"], key["r"], key["p"])
    sealed = base64.b64decode(key["data"])
    nonce, ciphertext, found = sealed[:16], sealed[16:-16], sealed[-16:]
    if tag(k, r, nonce, ciphertext) != found:
        sys.exit("the password does not open the key")
    plain = crypt(encryption, nonce, ciphertext)

    salt, nonce = os.urandom(64), os.urandom(16)
    encryption, k, r = derive(password, salt, 2, 1, 1)
    ciphertext = crypt(encryption, nonce, plain)
    sealed = nonce + ciphertext + tag(k, r, nonce, ciphertext)
    key |= {"N": 2, "r": 1, "p": 1, "salt": base64.b64encode(salt).decode(), "data": base64.b64encode(sealed).decode()}
    text = json.dumps(key).encode()
    # A key is named by its digest.
    path.with_name(hashlib.sha256(text).hexdigest()).write_bytes(text)
    path.unlink()


main(*sys.argv[1:])
