// The group of edwards25519 (RFC 8032, 5.1): points as 32 bytes in, out and in between.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// An element of the field of 2^255 - 19: ten limbs of 26 and 25 bits in turn, little-endian, signed.
typedef struct { int32_t limb[10]; } field;

// A point in extended coordinates: x = X/Z, y = Y/Z, xy = T/Z.
typedef struct { field x, y, z, t; } point;

// The point that 32 bytes stand for; false if they stand for none.
bool point_decode(point *result, const uint8_t bytes[32]);
void point_encode(uint8_t bytes[32], const point *p);
void point_identity(point *result);
void point_add(point *result, const point *p, const point *q);
// The multiple by a scalar of at most 255 bits, little-endian.
void point_mul(point *result, const uint8_t scalar[32], const point *p);

// Multiples of the base point: entry [i][j] is (j + 1) * 256^i * B.
typedef struct { point entry[32][8]; } base_table;
void base_table_make(base_table *table);
void base_mul(point *result, const uint8_t scalar[32], const base_table *table);
