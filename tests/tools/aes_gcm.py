# SPDX-License-Identifier: Apache-2.0
"""AES-128 (FIPS 197) and AES-GCM (NIST SP 800-38D), so that captures of QUIC can be made with
nothing but Python.  For test data alone: slow, and not safe against measuring its time."""


def _sbox():
    """FIPS 197 5.1.1: the inverse in GF(2^8), then an affine map."""
    box, p, q = [0x63] * 256, 1, 1
    while True:
        p = (p ^ p << 1 ^ (0x11b if p & 0x80 else 0)) & 0xff  # times 3
        for shift in (1, 2, 4):  # divided by 3
            q = (q ^ q << shift) & 0xff
        q ^= 0x09 if q & 0x80 else 0
        turned = q
        for n in (1, 2, 3, 4):
            turned ^= (q << n | q >> 8 - n) & 0xff
        box[p] = turned ^ 0x63
        if p == 1:
            return box


SBOX = _sbox()


def _double(b):
    return (b << 1 ^ (0x1b if b & 0x80 else 0)) & 0xff


def _round_keys(key):
    words, factor = [list(key[i:i + 4]) for i in range(0, 16, 4)], 1
    while len(words) < 44:
        word = words[-1]
        if len(words) % 4 == 0:
            word = [SBOX[b] for b in word[1:] + word[:1]]
            word[0] ^= factor
            factor = _double(factor)
        words.append([a ^ b for a, b in zip(words[-4], word)])
    return [sum(words[i:i + 4], []) for i in range(0, 44, 4)]


def encrypt_block(key, block):
    keys = _round_keys(key)
    state = [a ^ b for a, b in zip(block, keys[0])]
    for n, round_key in enumerate(keys[1:], 1):
        state = [SBOX[state[i * 5 % 16]] for i in range(16)]  # and rows shifted
        if n < 10:
            for c in range(0, 16, 4):
                a = state[c:c + 4]
                every = a[0] ^ a[1] ^ a[2] ^ a[3]
                state[c:c + 4] = [a[i] ^ every ^ _double(a[i] ^ a[(i + 1) % 4]) for i in range(4)]
        state = [a ^ b for a, b in zip(state, round_key)]
    return bytes(state)


def _multiply(x, y):
    """In GF(2^128), bits as SP 800-38D 6.3 has them."""
    product = 0
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            product ^= y
        y = y >> 1 ^ (0xe1 << 120 if y & 1 else 0)
    return product


def seal(key, nonce, plain, extra):
    """The ciphertext and its tag of 16 bytes; a nonce of 12."""
    def pad(data):
        return data + bytes(-len(data) % 16)
    stream = b"".join(encrypt_block(key, nonce + i.to_bytes(4, "big"))
                      for i in range(2, 2 + (len(plain) + 15) // 16))
    sealed = bytes(a ^ b for a, b in zip(plain, stream))
    hash_key = int.from_bytes(encrypt_block(key, bytes(16)), "big")
    lengths = (len(extra) * 8 << 64 | len(sealed) * 8).to_bytes(16, "big")
    text, total = pad(extra) + pad(sealed) + lengths, 0
    for i in range(0, len(text), 16):
        total = _multiply(total ^ int.from_bytes(text[i:i + 16], "big"), hash_key)
    mask = int.from_bytes(encrypt_block(key, nonce + b"\0\0\0\1"), "big")
    return sealed + (total ^ mask).to_bytes(16, "big")
