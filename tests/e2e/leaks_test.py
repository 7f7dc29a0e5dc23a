#!/usr/bin/env python3
"""The leak search finds what is planted: else "none found" would mean nothing."""

import base64
import json
import pathlib
import subprocess
import tempfile
import unittest
import urllib.parse

import leaks

SECRET = 'pÄss/w+rd "7" & more'


class LeaksTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='holdfast-leaks-')
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def found(self, content, secret=SECRET):
        (self.folder / 'file').write_bytes(content)
        return bool(leaks.search([self.folder], {'s': secret}))

    def test_finds_every_form(self):
        plain = SECRET.encode()
        for name, written in {
                'raw': plain,
                'hex': plain.hex().encode(),
                'upper-case hex': plain.hex().upper().encode(),
                'base64': base64.b64encode(plain),
                'base64 inside other text': base64.b64encode(b'x' + plain + b'yz'),
                'base64url inside other text': base64.urlsafe_b64encode(b'xy' + plain + b'z'),
                'url-encoded': urllib.parse.quote(SECRET, safe='').encode(),
                'json': json.dumps({'p': SECRET}).encode(),
                'utf-16': plain.decode('latin-1').encode('utf-16-le')}.items():
            with self.subTest(name=name):
                self.assertTrue(self.found(b'before' + written + b'after'))

    def test_finds_it_across_the_edge_of_a_block(self):
        self.assertTrue(self.found(b'.' * (leaks.CHUNK - 5) + SECRET.encode()))

    def test_does_not_find_what_is_not_there(self):
        self.assertFalse(self.found(SECRET[:-1].encode()))
        self.assertFalse(self.found(b''))

    def test_leaves_out_what_it_is_told_to(self):
        (self.folder / 'file').write_text(SECRET)
        self.assertEqual(leaks.search([self.folder], {'s': SECRET}, skip=[self.folder / 'file']), [])

    def test_finds_the_seed_of_a_private_key(self):
        subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', self.folder / 'key'], check=True)
        parts = leaks.private_key_parts((self.folder / 'key').read_text())
        seed = [part for part in parts if len(part) == 32]
        self.assertEqual(len(seed), 1)
        (self.folder / 'key').unlink()
        self.assertTrue(self.found(b'..' + seed[0] + b'..', secret=seed[0]))
        self.assertTrue(any(isinstance(part, str) for part in parts))


if __name__ == '__main__':
    unittest.main()
