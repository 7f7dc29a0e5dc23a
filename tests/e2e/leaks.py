"""Looks for secrets where none may be: stores, logs, journals, cores."""

import base64
import json
import pathlib
import re
import urllib.parse

CHUNK = 1 << 20


def forms(secret):
    """name -> bytes, for every way in which the secret may have been written down."""
    plain = secret.encode() if isinstance(secret, str) else bytes(secret)
    found = {
        'raw': plain,
        'hex': plain.hex().encode(),
        'HEX': plain.hex().upper().encode(),
        'url': urllib.parse.quote(plain, safe='').encode(),
        'utf-16': plain.decode('latin-1').encode('utf-16-le'),
    }
    try:
        found['json'] = json.dumps(plain.decode())[1:-1].encode()
    except UnicodeDecodeError:
        pass
    for lead in range(3):
        for name, encode in (('base64', base64.b64encode), ('base64url', base64.urlsafe_b64encode)):
            found[f'{name}+{lead}'] = _base64_core(encode, plain, lead)
    return {name: text for name, text in found.items() if len(text) >= 8}


def _base64_core(encode, plain, lead):
    """The characters that depend on `plain` alone when `lead` unknown bytes stand before it."""
    text = encode(b'\0' * lead + plain)
    begin = (lead * 8 + 5) // 6
    end = (lead + len(plain)) * 8 // 6
    return text[begin:end]


def private_key_parts(pem):
    """What is secret in a PEM or OpenSSH private key: the seed's bytes, and the lines that hold most of them.
    The other lines hold the public key, which may lie anywhere."""
    lines = [line for line in pem.splitlines() if line and not line.startswith('-----') and ':' not in line]
    body = base64.b64decode(''.join(lines))
    seed = re.search(rb'\x00\x00\x00\x40(.{32})', body, re.DOTALL)  # OpenSSH Ed25519: seed and public key.
    seed = seed or re.search(rb'\x04\x20(.{32})', body, re.DOTALL)  # PKCS#8, SEC 1 of 256 bits: OCTET STRING.
    if not seed:
        return [line for line in lines if len(line) >= 40][1:] or lines[:1]
    return [seed.group(1)] + [line for line, (begin, end) in _spans(lines)
                              if min(end, seed.end(1)) - max(begin, seed.start(1)) >= 12]


def _spans(lines):
    """(line of base64, (first byte, end) that it stands for)."""
    at = 0
    for line in lines:
        yield line, (at * 3 // 4, (at + len(line)) * 3 // 4)
        at += len(line)


def search(roots, secrets, skip=()):
    """[(file, name of the secret, form)]. `secrets`: name -> text or bytes; `skip`: files to leave out."""
    wanted = [(name, form, text) for name, secret in secrets.items() for form, text in forms(secret).items()]
    longest = max((len(text) for _, _, text in wanted), default=0)
    found = []
    left_out = {pathlib.Path(path).resolve() for path in skip}
    for root in roots:
        root = pathlib.Path(root)
        for file in sorted(root.rglob('*')) if root.is_dir() else [root]:
            if file.is_file() and file.resolve() not in left_out:
                found += [(str(file), name, form) for name, form in _in_file(file, wanted, longest)]
    return found


def _in_file(file, wanted, longest):
    hits, tail = set(), b''
    with open(file, 'rb') as stream:
        while block := stream.read(CHUNK):
            window = tail + block
            hits.update((name, form) for name, form, text in wanted if text in window)
            tail = window[-longest:]
    return sorted(hits)
