// edwards25519 with ten limbs a field element. Multiplication is quadratic over limbs, as 32-bit Wasm has no product of
// 128 bits; points are added by the unified formulas of Hisil, Wong, Carter and Dawson (2008) for a = -1.

#include "curve.h"
#include "host.h"

#define UNROLL _Pragma("clang loop unroll(full)")

static const int bits[10] = {26, 25, 26, 25, 26, 25, 26, 25, 26, 25};

static void zero(field *r) { *r = (field){{0}}; }
static void one(field *r) { *r = (field){{1}}; }

static void add(field *r, const field *a, const field *b) {
  UNROLL for (int i = 0; i < 10; i++) r->limb[i] = a->limb[i] + b->limb[i];
}

static void sub(field *r, const field *a, const field *b) {
  UNROLL for (int i = 0; i < 10; i++) r->limb[i] = a->limb[i] - b->limb[i];
}

// Brings ten sums of 64 bits back to limbs of at most 26 bits and a sign. Each carry is rounded to the nearest; two
// rounds suffice for sums below 2^62.
static void carry(field *r, int64_t sum[10]) {
  for (int round = 0; round < 2; round++) {
    UNROLL for (int i = 0; i < 10; i++) {
      int64_t over = (sum[i] + ((int64_t)1 << (bits[i] - 1))) >> bits[i];
      sum[i] -= over * ((int64_t)1 << bits[i]);
      if (i < 9) sum[i + 1] += over;
      else sum[0] += 19 * over;
    }
  }
  UNROLL for (int i = 0; i < 10; i++) r->limb[i] = (int32_t)sum[i];
}

// The weight of limb i is 2^ceil(25.5 i), so a product of two odd limbs counts twice; beyond limb 9 it comes back times 19.
// Limbs of at most 2^27 keep every sum below 10 * 38 * 2^54 < 2^63.
static void mul(field *r, const field *a, const field *b) {
  int64_t sum[10] = {0};
  UNROLL for (int i = 0; i < 10; i++) {
    UNROLL for (int j = 0; j < 10; j++) {
      int64_t left = (i & j & 1) ? 2 * (int64_t)a->limb[i] : a->limb[i];
      int64_t right = i + j >= 10 ? 19 * (int64_t)b->limb[j] : b->limb[j];
      sum[(i + j) % 10] += left * right;
    }
  }
  carry(r, sum);
}

static void square(field *r, const field *a) {
  int64_t sum[10] = {0};
  UNROLL for (int i = 0; i < 10; i++) {
    UNROLL for (int j = i; j < 10; j++) {
      int64_t factor = ((i & j & 1) ? 2 : 1) * (i == j ? 1 : 2);
      int64_t right = i + j >= 10 ? 19 * (int64_t)a->limb[j] : a->limb[j];
      sum[(i + j) % 10] += factor * a->limb[i] * right;
    }
  }
  carry(r, sum);
}

static void squares(field *r, const field *a, int times) {
  square(r, a);
  while (--times) square(r, r);
}

// a^(2^250 - 1), and a^11 on the way.
static void power_chain(field *r, field *eleven, const field *a) {
  field two, nine, t, u, v;
  square(&two, a);
  squares(&t, &two, 2);
  mul(&nine, &t, a);
  mul(eleven, &nine, &two);
  square(&t, eleven);
  mul(&u, &t, &nine); // 2^5 - 1
  squares(&t, &u, 5);
  mul(&u, &t, &u); // 2^10 - 1
  squares(&t, &u, 10);
  mul(&v, &t, &u); // 2^20 - 1
  squares(&t, &v, 20);
  mul(&v, &t, &v); // 2^40 - 1
  squares(&t, &v, 10);
  mul(&u, &t, &u); // 2^50 - 1
  squares(&t, &u, 50);
  mul(&v, &t, &u); // 2^100 - 1
  squares(&t, &v, 100);
  mul(&v, &t, &v); // 2^200 - 1
  squares(&t, &v, 50);
  mul(r, &t, &u);
}

// a^(p - 2)
static void invert(field *r, const field *a) {
  field t, eleven;
  power_chain(&t, &eleven, a);
  squares(&t, &t, 5);
  mul(r, &t, &eleven);
}

// a^((p - 5) / 8)
static void power_p58(field *r, const field *a) {
  field t, eleven;
  power_chain(&t, &eleven, a);
  squares(&t, &t, 2);
  mul(r, &t, a);
}

static void field_decode(field *r, const uint8_t bytes[32]) {
  int64_t sum[10];
  int position = 0;
  for (int i = 0; i < 10; i++) {
    uint64_t part = 0;
    for (int j = 0; j < 5 && position / 8 + j < 32; j++) part |= (uint64_t)bytes[position / 8 + j] << (8 * j);
    sum[i] = (int64_t)((part >> (position % 8)) & (((uint64_t)1 << bits[i]) - 1));
    position += bits[i];
  }
  carry(r, sum);
}

static void field_encode(uint8_t bytes[32], const field *a) {
  int64_t limb[10];
  field carried;
  for (int i = 0; i < 10; i++) limb[i] = a->limb[i];
  carry(&carried, limb);
  for (int i = 0; i < 10; i++) limb[i] = carried.limb[i];
  // The quotient by p, as if 19 had been added: 1 if a >= p, -1 if it is negative.
  int64_t quotient = (19 * limb[9] + ((int64_t)1 << 24)) >> 25;
  for (int i = 0; i < 10; i++) quotient = (limb[i] + quotient) >> bits[i];
  limb[0] += 19 * quotient;
  for (int i = 0; i < 10; i++) {
    int64_t over = limb[i] >> bits[i];
    limb[i] -= over * ((int64_t)1 << bits[i]);
    if (i < 9) limb[i + 1] += over;
  }
  memset(bytes, 0, 32);
  int position = 0;
  for (int i = 0; i < 10; i++) {
    uint64_t part = (uint64_t)limb[i] << (position % 8);
    for (int j = 0; part && position / 8 + j < 32; j++, part >>= 8) bytes[position / 8 + j] |= (uint8_t)part;
    position += bits[i];
  }
}

static bool is_zero(const field *a) {
  uint8_t bytes[32], all = 0;
  field_encode(bytes, a);
  for (int i = 0; i < 32; i++) all |= bytes[i];
  return all == 0;
}

static int parity(const field *a) {
  uint8_t bytes[32];
  field_encode(bytes, a);
  return bytes[0] & 1;
}

static void negate(field *r, const field *a) {
  field none;
  zero(&none);
  sub(r, &none, a);
}

// d = -121665/121666, 2d, and a square root of -1 (RFC 8032, 5.1), as bytes.
static const uint8_t d_bytes[32] = {0xa3, 0x78, 0x59, 0x13, 0xca, 0x4d, 0xeb, 0x75, 0xab, 0xd8, 0x41, 0x41, 0x4d, 0x0a, 0x70, 0x00,
                                    0x98, 0xe8, 0x79, 0x77, 0x79, 0x40, 0xc7, 0x8c, 0x73, 0xfe, 0x6f, 0x2b, 0xee, 0x6c, 0x03, 0x52};
static const uint8_t root_bytes[32] = {0xb0, 0xa0, 0x0e, 0x4a, 0x27, 0x1b, 0xee, 0xc4, 0x78, 0xe4, 0x2f, 0xad, 0x06, 0x18, 0x43, 0x2f,
                                       0xa7, 0xd7, 0xfb, 0x3d, 0x99, 0x00, 0x4d, 0x2b, 0x0b, 0xdf, 0xc1, 0x4f, 0x80, 0x24, 0x83, 0x2b};
static field d, d2, root;

__attribute__((constructor)) static void constants(void) {
  field_decode(&d, d_bytes);
  add(&d2, &d, &d);
  field_decode(&root, root_bytes);
}

void point_identity(point *r) {
  zero(&r->x);
  one(&r->y);
  one(&r->z);
  zero(&r->t);
}

// x^2 = (y^2 - 1) / (d y^2 + 1); a candidate is u v^3 (u v^7)^((p - 5) / 8).
bool point_decode(point *r, const uint8_t bytes[32]) {
  field u, v, v3, x, check;
  field_decode(&r->y, bytes);
  uint8_t canonical[32];
  field_encode(canonical, &r->y);
  canonical[31] |= bytes[31] & 0x80;
  if (memcmp(canonical, bytes, 32) != 0) return false;
  one(&r->z);
  square(&u, &r->y);
  mul(&v, &u, &d);
  sub(&u, &u, &r->z);
  add(&v, &v, &r->z);
  square(&v3, &v);
  mul(&v3, &v3, &v);
  square(&x, &v3);
  mul(&x, &x, &v);
  mul(&x, &x, &u);
  power_p58(&x, &x);
  mul(&x, &x, &v3);
  mul(&x, &x, &u);
  square(&check, &x);
  mul(&check, &check, &v);
  field difference, sum;
  sub(&difference, &check, &u);
  add(&sum, &check, &u);
  if (!is_zero(&difference)) {
    if (!is_zero(&sum)) return false;
    mul(&x, &x, &root);
  }
  int sign = bytes[31] >> 7;
  if (is_zero(&x) && sign) return false;
  if (parity(&x) != sign) negate(&x, &x);
  r->x = x;
  mul(&r->t, &r->x, &r->y);
  return true;
}

void point_encode(uint8_t bytes[32], const point *p) {
  field inverse, x, y;
  invert(&inverse, &p->z);
  mul(&x, &p->x, &inverse);
  mul(&y, &p->y, &inverse);
  field_encode(bytes, &y);
  bytes[31] |= (uint8_t)(parity(&x) << 7);
}

// add-2008-hwcd-3
void point_add(point *r, const point *p, const point *q) {
  field a, b, c, e, s, t;
  sub(&s, &p->y, &p->x);
  sub(&t, &q->y, &q->x);
  mul(&a, &s, &t);
  add(&s, &p->y, &p->x);
  add(&t, &q->y, &q->x);
  mul(&b, &s, &t);
  mul(&c, &p->t, &q->t);
  mul(&c, &c, &d2);
  mul(&e, &p->z, &q->z);
  add(&e, &e, &e);
  field f, g, h, i;
  sub(&f, &b, &a);
  sub(&g, &e, &c);
  add(&h, &e, &c);
  add(&i, &b, &a);
  mul(&r->x, &f, &g);
  mul(&r->y, &h, &i);
  mul(&r->t, &f, &i);
  mul(&r->z, &g, &h);
}

// dbl-2008-hwcd
static void point_double(point *r, const point *p) {
  field a, b, c, e, f, g, h, s;
  square(&a, &p->x);
  square(&b, &p->y);
  square(&c, &p->z);
  add(&c, &c, &c);
  add(&s, &p->x, &p->y);
  square(&e, &s);
  add(&h, &a, &b);
  sub(&e, &h, &e);
  sub(&g, &a, &b);
  add(&f, &c, &g);
  mul(&r->x, &e, &f);
  mul(&r->y, &g, &h);
  mul(&r->t, &e, &h);
  mul(&r->z, &f, &g);
}

static void point_negate(point *r, const point *p) {
  *r = *p;
  negate(&r->x, &p->x);
  negate(&r->t, &p->t);
}

// 64 digits of -8 to 7; the last may be 8.
static void digits(int8_t digit[64], const uint8_t scalar[32]) {
  int over = 0;
  for (int i = 0; i < 64; i++) {
    int value = ((scalar[i / 2] >> (4 * (i & 1))) & 15) + over;
    over = i < 63 && value >= 8;
    digit[i] = (int8_t)(value - 16 * over);
  }
}

// Adds digit times the point whose multiples 1 to 8 are given.
static void add_digit(point *r, const point multiples[8], int digit) {
  if (digit == 0) return;
  if (digit > 0) {
    point_add(r, r, &multiples[digit - 1]);
  } else {
    point negative;
    point_negate(&negative, &multiples[-digit - 1]);
    point_add(r, r, &negative);
  }
}

static void multiples_of(point multiples[8], const point *p) {
  multiples[0] = *p;
  for (int i = 1; i < 8; i++) point_add(&multiples[i], &multiples[i - 1], p);
}

void point_mul(point *r, const uint8_t scalar[32], const point *p) {
  point multiples[8], sum;
  int8_t digit[64];
  multiples_of(multiples, p);
  digits(digit, scalar);
  point_identity(&sum);
  for (int i = 63; i >= 0; i--) {
    if (i < 63) {
      for (int j = 0; j < 4; j++) point_double(&sum, &sum);
    }
    add_digit(&sum, multiples, digit[i]);
  }
  *r = sum;
}

void base_table_make(base_table *table) {
  // The base point: y = 4/5, x even.
  static const uint8_t base_bytes[32] = {0x58, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
                                         0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66};
  point base;
  assert(point_decode(&base, base_bytes));
  for (int i = 0; i < 32; i++) {
    multiples_of(table->entry[i], &base);
    for (int j = 0; j < 8; j++) point_double(&base, &base);
  }
}

// The odd digits first, times 16, then the even ones.
void base_mul(point *r, const uint8_t scalar[32], const base_table *table) {
  point sum;
  int8_t digit[64];
  digits(digit, scalar);
  point_identity(&sum);
  for (int i = 1; i < 64; i += 2) add_digit(&sum, table->entry[i / 2], digit[i]);
  for (int j = 0; j < 4; j++) point_double(&sum, &sum);
  for (int i = 0; i < 64; i += 2) add_digit(&sum, table->entry[i / 2], digit[i]);
  *r = sum;
}
