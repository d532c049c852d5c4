#!/usr/bin/env python3
"""Prints vectors.txt: inputs and outputs of Ethereum's precompiled contracts, computed here and nowhere else.

Python's integers and hashlib do the arithmetic; curves, pairing and compression are written out from SEC 1, EIP-152,
EIP-196, EIP-197, EIP-198 and RFC 7693. A line has the name of the contract, the name of the case, the input and the output in
hexadecimal, `-` for nothing and `fails` for an input without an answer.

    python3 vectors.py > vectors.txt
"""

import hashlib
import random

RANDOM = random.Random(9)


def number(length):
    return RANDOM.randrange(1 << (8 * length)).to_bytes(length, "big")


def word(value):
    return value.to_bytes(32, "big")


def line(contract, case, data, output):
    text = "fails" if output is None else output.hex() or "-"
    print(contract, case.replace(" ", "-"), data.hex() or "-", text)


# Keccak-256 (FIPS 202 with the padding of the submission).

def keccak256(message):
    def rotated(value, by):
        by %= 64
        return ((value << by) | (value >> (64 - by))) & (1 << 64) - 1 if by else value

    def permuted(lanes):
        register = 1
        for _ in range(24):
            columns = [lanes[x][0] ^ lanes[x][1] ^ lanes[x][2] ^ lanes[x][3] ^ lanes[x][4] for x in range(5)]
            parity = [columns[(x + 4) % 5] ^ rotated(columns[(x + 1) % 5], 1) for x in range(5)]
            lanes = [[lanes[x][y] ^ parity[x] for y in range(5)] for x in range(5)]
            x, y, current = 1, 0, lanes[1][0]
            for t in range(24):
                x, y = y, (2 * x + 3 * y) % 5
                current, lanes[x][y] = lanes[x][y], rotated(current, (t + 1) * (t + 2) // 2)
            for y in range(5):
                row = [lanes[x][y] for x in range(5)]
                for x in range(5):
                    lanes[x][y] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]) & (1 << 64) - 1
            for j in range(7):
                register = ((register << 1) ^ ((register >> 7) * 0x71)) % 256
                if register & 2:
                    lanes[0][0] ^= 1 << ((1 << j) - 1)
        return lanes

    rate = 136
    padded = bytearray(message + b"\x01" + bytes(-(len(message) + 1) % rate))
    padded[-1] |= 0x80
    lanes = [[0] * 5 for _ in range(5)]
    for start in range(0, len(padded), rate):
        for index in range(rate // 8):
            lane = padded[start + 8 * index:start + 8 * index + 8]
            lanes[index % 5][index // 5] ^= int.from_bytes(lane, "little")
        lanes = permuted(lanes)
    return b"".join(lanes[i % 5][i // 5].to_bytes(8, "little") for i in range(4))


# A curve y^2 = x^3 + b over any field of Python objects with +, -, * and /.

def add(left, right):
    if left is None or right is None:
        return right if left is None else left
    (x1, y1), (x2, y2) = left, right
    if x1 == x2 and y1 != y2:
        return None
    if x1 == x2:
        slope = (x1 * x1 + x1 * x1 + x1 * x1) / (y1 + y1)
    else:
        slope = (y2 - y1) / (x2 - x1)
    x = slope * slope - x1 - x2
    return x, slope * (x1 - x) - y1


def times(point, scalar):
    result = None
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point) if point is not None and point[1] + point[1] != point[1] else None
        scalar >>= 1
    return result


class Field:
    """Numbers modulo a prime."""

    def __init__(self, value):
        self.value = value % self.P

    def of(self, value):
        return type(self)(value)

    def __add__(self, other):
        return self.of(self.value + other.value)

    def __sub__(self, other):
        return self.of(self.value - other.value)

    def __mul__(self, other):
        return self.of(self.value * other.value)

    def __truediv__(self, other):
        return self.of(self.value * pow(other.value, -1, self.P))

    def __eq__(self, other):
        return self.value == other.value


# secp256k1 (SEC 2, 2.4.1).

class Secp(Field):
    P = 2**256 - 2**32 - 977


SECP_N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
SECP_G = (
    Secp(0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798),
    Secp(0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8),
)


def address(key):
    return bytes(12) + keccak256(word(key[0].value) + word(key[1].value))[12:]


def signed(secret, digest, nonce):
    point = times(SECP_G, nonce)
    r = point[0].value % SECP_N
    s = pow(nonce, -1, SECP_N) * (int.from_bytes(digest, "big") + r * secret) % SECP_N
    return r, s, 27 + (point[1].value & 1)


def ecrecover():
    def put(case, digest, v, r, s, output, rest=b""):
        line("ecrecover", case, digest + word(v) + word(r) + word(s) + rest, output)

    secret = int.from_bytes(number(32), "big") % SECP_N
    key = address(times(SECP_G, secret))
    digest = number(32)
    r, s, v = signed(secret, digest, 0x1234567890ABCDEF)
    put("a signature", digest, v, r, s, key)
    put("the other half of s", digest, 55 - v, r, SECP_N - s, key)
    put("with more behind it", digest, v, r, s, key, b"\xff" * 40)
    for bad in (0, 1, 26, 29, 255):
        put(f"v of {bad}", digest, bad, r, s, b"")
    put("v with a high byte", digest, v + (1 << 248), r, s, b"")
    put("r of 0", digest, v, 0, s, b"")
    put("s of 0", digest, v, r, 0, b"")
    put("r of the order", digest, v, SECP_N, s, b"")
    put("s of the order", digest, v, r, SECP_N, b"")
    # x^3 + 7 is no square for x = 5.
    put("r of no point", digest, v, 5, s, b"")
    line("ecrecover", "nothing", b"", b"")
    line("ecrecover", "s cut off", digest + word(v) + word(r), b"")
    # The last byte of s is zero, and is left out.
    nonce = 7
    while True:
        r, s, v = signed(secret, digest, nonce)
        if s % 256 == 0:
            break
        nonce += 1
    line("ecrecover", "a zero at the end left out", (digest + word(v) + word(r) + word(s))[:-1], key)


def hashes():
    for length in (0, 1, 3, 31, 32, 33, 55, 56, 63, 64, 65, 119, 200):
        data = number(length) if length else b""
        line("sha256", f"{length} bytes", data, hashlib.sha256(data).digest())
        line("ripemd160", f"{length} bytes", data, bytes(12) + hashlib.new("ripemd160", data).digest())
        line("identity", f"{length} bytes", data, data)


def modexp():
    def put(case, base, exponent, modulus, cut=0):
        lengths = [len(base), len(exponent), len(modulus)]
        data = b"".join(map(word, lengths)) + base + exponent + modulus
        data = data[:len(data) - cut]
        full = data + bytes(cut)
        base, exponent, modulus = full[96:96 + lengths[0]], full[96 + lengths[0]:96 + sum(lengths[:2])], full[96 + sum(lengths[:2]):]
        base, exponent, modulus = (int.from_bytes(part, "big") for part in (base, exponent, modulus))
        power = pow(base, exponent, modulus) if modulus else 0
        line("modexp", case, data, power.to_bytes(lengths[2], "big"))

    prime = Secp.P
    put("the first example of EIP-198", b"\x03", word(prime - 1), word(prime))
    put("the second example of EIP-198", b"", word(prime - 1), word(prime))
    put("nothing", b"", b"", b"")
    put("no modulus", b"\x02", b"\x02", b"")
    put("modulus 0", b"\x02", b"\x02", b"\0\0")
    put("modulus 1", b"\x02", b"\x02", b"\x01")
    put("modulus 1 in 40 bytes", b"\x02", b"", bytes(39) + b"\x01")
    put("0 to the 0", b"\0", b"\0", b"\x05")
    put("0 to the 0 without bytes", b"", b"", b"\x05")
    put("0 to the 0 modulo 1", b"", b"", b"\x01")
    put("a modulus cut off", b"\x03", b"\x05", word(prime), 20)
    put("a modulus cut off as a whole", b"\x03", b"\x05", word(prime), 32)
    put("an exponent cut off", b"\x03", word(prime), b"\x07", 20)
    put("a power below the modulus", b"\x03", b"\x05", number(200))
    put("zeros before everything", bytes(50) + b"\x03", bytes(50) + b"\x05", bytes(50) + b"\x07")
    line("modexp", "lengths alone, base and modulus none", word(0) + b"\xff" * 32 + word(0), None)
    line("modexp", "a base too long", word(1_025) + word(1) + word(1), None)
    line("modexp", "an exponent too long", word(1) + word(1_025) + word(1), None)
    line("modexp", "a modulus too long", word(1) + word(1) + word(1_025), None)
    line("modexp", "a base of 2^64 bytes", word(1 << 64) + word(1) + word(1), None)
    line("modexp", "a modulus of 2^256 - 1 bytes", word(1) + word(1) + b"\xff" * 32, None)
    for length in (1, 7, 8, 9, 16, 31, 32, 33, 64, 65, 128, 200):
        odd = (int.from_bytes(number(length), "big") | 1).to_bytes(length, "big")
        put(f"odd, {length} bytes", number(length), number(min(length, 40)), odd)
        # All the ways in which a power of two can divide.
        for shift in {1, 8 * length // 4, 8 * length // 2, 8 * length - 3, 8 * length - 1}:
            value = (int.from_bytes(odd, "big") << shift) % (1 << (8 * length)) | 1 << (8 * length - 1)
            for parity in (0, 1):
                base = ((int.from_bytes(number(length), "big") >> 1 << 1) | parity).to_bytes(length, "big")
                put(f"2^{shift}, {length} bytes, base {parity}", base, number(9), value.to_bytes(length, "big"))
    put("a long base", number(300), number(3), number(9))
    put("a long exponent", number(9), number(300), number(9))
    put("an exponent of one bit", number(32), b"\x80" + bytes(31), number(32))
    put("1,024 bytes each", number(1_024), number(1_024), number(1_024))


# BN254 (EIP-196, EIP-197).

class Fq(Field):
    P = 21888242871839275222246405745257275088696311157297823662689037894645226208583


ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617
G1 = (Fq(1), Fq(2))


def point_bytes(point):
    return bytes(64) if point is None else word(point[0].value) + word(point[1].value)


def scalars():
    return [0, 1, 2, 3, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1, 2**253 - 1, int.from_bytes(number(32), "big")]


def bn254():
    some = times(G1, int.from_bytes(number(31), "big"))
    other = times(G1, int.from_bytes(number(31), "big"))
    minus = (some[0], Fq(-some[1].value))
    for case, left, right in [
        ("two points", some, other), ("a point and itself", some, some), ("a point and its opposite", some, minus),
        ("a point and none", some, None), ("none and a point", None, some), ("none and none", None, None),
    ]:
        line("bn254_add", case, point_bytes(left) + point_bytes(right), point_bytes(add(left, right)))
    line("bn254_add", "nothing", b"", bytes(64))
    line("bn254_add", "one point", point_bytes(some), point_bytes(some))
    line("bn254_add", "with more behind it", point_bytes(some) * 3, point_bytes(add(some, some)))
    line("bn254_add", "half a point", point_bytes(some)[:32], None)
    line("bn254_add", "not on the curve", word(1) + word(3), None)
    line("bn254_add", "the second not on the curve", point_bytes(some) + word(1) + word(1), None)
    line("bn254_add", "x of the prime", word(Fq.P) + word(0), None)
    line("bn254_add", "y of the prime", word(0) + word(Fq.P), None)
    line("bn254_add", "x of the prime and 1", word(Fq.P + 1) + word(2), None)
    line("bn254_add", "the largest", b"\xff" * 128, None)
    for scalar in scalars():
        product = point_bytes(times(some, scalar % ORDER))
        line("bn254_mul", f"times {scalar}", point_bytes(some) + word(scalar), product)
        line("bn254_mul", f"none times {scalar}", bytes(64) + word(scalar), bytes(64))
    line("bn254_mul", "nothing", b"", bytes(64))
    line("bn254_mul", "no number", point_bytes(some), bytes(64))
    line("bn254_mul", "a number cut off", point_bytes(some) + b"\x01", point_bytes(times(some, (1 << 248) % ORDER)))
    line("bn254_mul", "with more behind it", point_bytes(some) + word(2) + b"\xff" * 9, point_bytes(add(some, some)))
    line("bn254_mul", "not on the curve", word(1) + word(3) + word(0), None)


class Fq12:
    """Polynomials over Fq modulo w^12 - 18 w^6 + 82, whose w^6 is 9 + i for an i with the square -1."""

    def __init__(self, terms):
        self.terms = [term % Fq.P for term in terms]

    def __add__(self, other):
        return Fq12([a + b for a, b in zip(self.terms, other.terms)])

    def __sub__(self, other):
        return Fq12([a - b for a, b in zip(self.terms, other.terms)])

    def __mul__(self, other):
        product = [0] * 23
        for i, a in enumerate(self.terms):
            for j, b in enumerate(other.terms):
                product[i + j] += a * b
        for i in range(22, 11, -1):
            product[i - 6] += 18 * product[i]
            product[i - 12] -= 82 * product[i]
        return Fq12(product[:12])

    def __eq__(self, other):
        return self.terms == other.terms

    def __pow__(self, exponent):
        result, base = ONE, self
        while exponent:
            if exponent & 1:
                result = result * base
            base = base * base
            exponent >>= 1
        return result

    def __truediv__(self, other):
        return self * other.inverse()

    def inverse(self):
        """Euclid on polynomials."""
        low, high = [1] + [0] * 12, [0] * 13
        a, b = self.terms + [0], [82, 0, 0, 0, 0, 0, -18, 0, 0, 0, 0, 0, 1]

        def degree(terms):
            return max((i for i, term in enumerate(terms) if term % Fq.P), default=0)

        while degree(a):
            quotient, rest = [0] * 13, list(b)
            for shift in range(degree(b) - degree(a), -1, -1):
                factor = rest[degree(a) + shift] * pow(a[degree(a)], -1, Fq.P) % Fq.P
                quotient[shift] = factor
                for i in range(degree(a) + 1):
                    rest[i + shift] = (rest[i + shift] - factor * a[i]) % Fq.P
            following = list(high)
            for i in range(13):
                for j in range(13 - i):
                    following[i + j] = (following[i + j] - low[i] * quotient[j]) % Fq.P
            low, a, high, b = following, rest, low, a
        inverse = pow(a[0], -1, Fq.P)
        return Fq12([term * inverse for term in low[:12]])


ONE = Fq12([1] + [0] * 11)


class Fq2(Field):
    """real + imaginary i, i with the square -1."""

    def __init__(self, value):
        self.value = (value[0] % Fq.P, value[1] % Fq.P)

    def __add__(self, other):
        return Fq2((self.value[0] + other.value[0], self.value[1] + other.value[1]))

    def __sub__(self, other):
        return Fq2((self.value[0] - other.value[0], self.value[1] - other.value[1]))

    def __mul__(self, other):
        (a, b), (c, d) = self.value, other.value
        return Fq2((a * c - b * d, a * d + b * c))

    def __truediv__(self, other):
        c, d = other.value
        norm = pow(c * c + d * d, -1, Fq.P)
        return self * Fq2((c * norm, -d * norm))


G2 = (
    Fq2((10857046999023057135944570762232829481370756359578518086990519993285655852781,
         11559732032986387107991004021392285783925812861821192530917403151452391805634)),
    Fq2((8495653923123431417604973247489272438418190587263600148770280649306958101930,
         4082367875863433681332203403145435568316851327593401208105741076214120093531)),
)
TWIST_B = Fq2((3, 0)) / Fq2((9, 1))


def twisted_bytes(point):
    if point is None:
        return bytes(128)
    return b"".join(word(part) for coordinate in point for part in reversed(coordinate.value))


def untwisted(point):
    def wide(coordinate, power):
        real, imaginary = coordinate.value
        terms = [0] * 12
        terms[power], terms[power + 6] = real - 9 * imaginary, imaginary
        return Fq12(terms)
    # w^2 and w^3 times: the coefficients move.
    return wide(point[0], 2), wide(point[1], 3)


def line_through(a, b, at):
    (x1, y1), (x2, y2), (x, y) = a, b, at
    if x1 != x2:
        slope = (y2 - y1) / (x2 - x1)
    elif y1 == y2:
        slope = (x1 * x1 + x1 * x1 + x1 * x1) / (y1 + y1)
    else:
        return x - x1
    return slope * (x - x1) - (y - y1)


def miller(point, twisted):
    """The optimal ate pairing of Beuchat and others without its final exponentiation."""
    if point is None or twisted is None:
        return ONE
    at = tuple(Fq12([coordinate.value] + [0] * 11) for coordinate in point)
    base = untwisted(twisted)
    count = 29793968203157093288
    result, running = ONE, base
    for bit in bin(count)[3:]:
        result = result * result * line_through(running, running, at)
        running = add(running, running)
        if bit == "1":
            result = result * line_through(running, base, at)
            running = add(running, base)
    first = (base[0] ** Fq.P, base[1] ** Fq.P)
    second = (first[0] ** Fq.P, ONE - ONE - first[1] ** Fq.P)
    result = result * line_through(running, first, at)
    running = add(running, first)
    return result * line_through(running, second, at)


def product_is_one(pairs):
    product = ONE
    for point, twisted in pairs:
        product = product * miller(point, twisted)
    return product ** ((Fq.P**12 - 1) // ORDER) == ONE


def square_root(value):
    """A root of a number of Fq2, None if it has none: one of its real part's halves must be a square."""
    def real_root(number):
        root = pow(number, (Fq.P + 1) // 4, Fq.P)
        return root if root * root % Fq.P == number % Fq.P else None

    real, imaginary = value.value
    norm = real_root(real * real + imaginary * imaginary)
    for half in [] if norm is None else [real + norm, real - norm]:
        first = real_root(half * pow(2, -1, Fq.P))
        if first:
            root = Fq2((first, imaginary * pow(2 * first, -1, Fq.P)))
            if root * root == value:
                return root
    return None


def pairing():
    def put(case, pairs):
        data = b"".join(point_bytes(point) + twisted_bytes(twisted) for point, twisted in pairs)
        line("bn254_pairing", case, data, word(int(product_is_one(pairs))))

    def fails(case, data):
        line("bn254_pairing", case, data, None)

    a, b, c = (int.from_bytes(number(31), "big") for _ in range(3))
    minus = (G1[0], Fq(-2))
    minus_twisted = (G2[0], Fq2((0, 0)) - G2[1])
    put("nothing", [])
    put("the generators", [(G1, G2)])
    put("a point against none", [(G1, None)])
    put("none against a point", [(None, G2)])
    put("none against none", [(None, None)])
    put("the generators and their opposite", [(G1, G2), (minus, G2)])
    put("the generators and an opposite of the twist", [(G1, G2), (G1, minus_twisted)])
    put("the generators twice", [(G1, G2), (G1, G2)])
    put("a times b", [(times(G1, a), times(G2, b)), (times(minus, a * b % ORDER), G2)])
    put("a times b and 1", [(times(G1, a), times(G2, b)), (times(minus, (a * b + 1) % ORDER), G2)])
    three = [(times(G1, a), G2), (G1, times(G2, b)), (times(minus, (a + b) % ORDER), G2)]
    put("a and b", three)
    put("a and b with none between", [three[0], (None, G2), three[1], (G1, None), three[2]])
    four = [(times(G1, k), times(G2, c)) for k in (1, 2, 3)]
    put("seventeen pairs", (four + [(times(G1, ORDER - 6), times(G2, c))]) * 4 + [(None, G2)])
    put("eighteen pairs", (four + [(times(G1, ORDER - 6), times(G2, c))]) * 4 + [(G1, G2), (None, G2)])
    good = point_bytes(G1) + twisted_bytes(G2)
    fails("a byte short", good[:-1])
    fails("a byte more", good + b"\0")
    fails("one byte", b"\0")
    fails("not on the curve", word(1) + word(3) + twisted_bytes(G2))
    fails("not on the twist", point_bytes(G1) + twisted_bytes((G2[0], G2[0])))
    fails("the coordinates of the twist exchanged", point_bytes(G1) + b"".join(
        word(part) for coordinate in G2 for part in coordinate.value))
    fails("a coordinate of the prime", point_bytes(None) + word(Fq.P) + bytes(96))
    fails("not on the curve, against none", word(1) + word(3) + bytes(128))
    fails("not on the twist, against none", bytes(64) + twisted_bytes((G2[0], G2[0])))
    fails("the second pair is none", good + b"\x01" * 192)
    # A point of the twist that the order does not take to infinity.
    x = 1
    while True:
        at = Fq2((x, 0))
        root = square_root(at * at * at + TWIST_B)
        if root is not None and times((at, root), ORDER) is not None:
            break
        x += 1
    fails("a point of the twist of another order", point_bytes(G1) + twisted_bytes((at, root)))
    fails("a point of another order, against none", bytes(64) + twisted_bytes((at, root)))


# F of BLAKE2b (EIP-152).

IV = [0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
      0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179]
SIGMA = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4], [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13], [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11], [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5], [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
]


def compressed(rounds, state, block, offset, last):
    mask = (1 << 64) - 1
    v = state + IV
    v[12] ^= offset & mask
    v[13] ^= offset >> 64
    v[14] ^= mask if last else 0
    for i in range(rounds):
        s = SIGMA[i % 10]
        for j, (a, b, c, d) in enumerate([(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                                          (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]):
            for word_of, first, second in ((block[s[2 * j]], 32, 24), (block[s[2 * j + 1]], 16, 63)):
                v[a] = (v[a] + v[b] + word_of) & mask
                v[d] ^= v[a]
                v[d] = (v[d] >> first | v[d] << (64 - first)) & mask
                v[c] = (v[c] + v[d]) & mask
                v[b] ^= v[c]
                v[b] = (v[b] >> second | v[b] << (64 - second)) & mask
    return [state[i] ^ v[i] ^ v[i + 8] for i in range(8)]


def blake2f():
    def little(words):
        return b"".join(value.to_bytes(8, "little") for value in words)

    def put(case, rounds, state, block, offset, last):
        data = rounds.to_bytes(4, "big") + little(state) + block + offset.to_bytes(16, "little") + bytes([last])
        words = [int.from_bytes(block[i:i + 8], "little") for i in range(0, 128, 8)]
        line("blake2f", case, data, little(compressed(rounds, list(state), words, offset, last)))
        return data

    initial = [IV[0] ^ 0x01010040] + IV[1:]
    abc = b"abc" + bytes(125)
    data = put("abc", 12, initial, abc, 3, 1)
    whole = compressed(12, list(initial), [int.from_bytes(abc[i:i + 8], "little") for i in range(0, 128, 8)], 3, 1)
    assert little(whole) == hashlib.blake2b(b"abc").digest()
    put("abc, not the last", 12, initial, abc, 3, 0)
    for rounds in (0, 1, 2, 9, 10, 11, 20, 21, 300):
        state = [int.from_bytes(number(8), "big") for _ in range(8)]
        put(f"{rounds} rounds", rounds, state, number(128), int.from_bytes(number(16), "big"), rounds % 2)
    line("blake2f", "nothing", b"", None)
    line("blake2f", "a byte short", data[1:], None)
    line("blake2f", "a byte more", data + b"\0", None)
    line("blake2f", "the last byte 2", data[:-1] + b"\x02", None)


assert keccak256(b"").hex().startswith("c5d2460186f7233c")
assert product_is_one([]) and not product_is_one([(G1, G2)])
ecrecover()
hashes()
modexp()
bn254()
pairing()
blake2f()
