// Package curve computes in the group of edwards25519 (RFC 8032, 5.1).
package curve

// field is an element of the field of 2^255 - 19: ten limbs of 26 and 25 bits in turn, little-endian, signed.
//
// The weight of limb i is 2^ceil(25.5 i), so a product of two odd limbs counts twice; beyond limb 9 it comes back times
// 19. Limbs of at most 2^27 keep every sum below 2^63.
type field [10]int32

func (r *field) add(a, b *field) {
	for i := range r {
		r[i] = a[i] + b[i]
	}
}

func (r *field) sub(a, b *field) {
	for i := range r {
		r[i] = a[i] - b[i]
	}
}

func (r *field) negate(a *field) {
	for i := range r {
		r[i] = -a[i]
	}
}

// carry brings ten sums back to limbs of at most 26 bits and a sign. Each carry is rounded to the nearest; two rounds
// suffice.
func (r *field) carry(s0, s1, s2, s3, s4, s5, s6, s7, s8, s9 int64) {
	for range 2 {
		c0 := (s0 + 1<<25) >> 26
		s0 -= c0 << 26
		s1 += c0
		c1 := (s1 + 1<<24) >> 25
		s1 -= c1 << 25
		s2 += c1
		c2 := (s2 + 1<<25) >> 26
		s2 -= c2 << 26
		s3 += c2
		c3 := (s3 + 1<<24) >> 25
		s3 -= c3 << 25
		s4 += c3
		c4 := (s4 + 1<<25) >> 26
		s4 -= c4 << 26
		s5 += c4
		c5 := (s5 + 1<<24) >> 25
		s5 -= c5 << 25
		s6 += c5
		c6 := (s6 + 1<<25) >> 26
		s6 -= c6 << 26
		s7 += c6
		c7 := (s7 + 1<<24) >> 25
		s7 -= c7 << 25
		s8 += c7
		c8 := (s8 + 1<<25) >> 26
		s8 -= c8 << 26
		s9 += c8
		c9 := (s9 + 1<<24) >> 25
		s9 -= c9 << 25
		s0 += 19 * c9
	}
	*r = field{int32(s0), int32(s1), int32(s2), int32(s3), int32(s4), int32(s5), int32(s6), int32(s7), int32(s8), int32(s9)}
}

// mul sets r to a b.
func (r *field) mul(a, b *field) {
	a0 := int64(a[0])
	a1 := int64(a[1])
	a2 := int64(a[2])
	a3 := int64(a[3])
	a4 := int64(a[4])
	a5 := int64(a[5])
	a6 := int64(a[6])
	a7 := int64(a[7])
	a8 := int64(a[8])
	a9 := int64(a[9])
	b0 := int64(b[0])
	b1 := int64(b[1])
	b2 := int64(b[2])
	b3 := int64(b[3])
	b4 := int64(b[4])
	b5 := int64(b[5])
	b6 := int64(b[6])
	b7 := int64(b[7])
	b8 := int64(b[8])
	b9 := int64(b[9])
	a1x2 := 2 * a1
	a3x2 := 2 * a3
	a5x2 := 2 * a5
	a7x2 := 2 * a7
	a9x2 := 2 * a9
	b1x19 := 19 * b1
	b2x19 := 19 * b2
	b3x19 := 19 * b3
	b4x19 := 19 * b4
	b5x19 := 19 * b5
	b6x19 := 19 * b6
	b7x19 := 19 * b7
	b8x19 := 19 * b8
	b9x19 := 19 * b9
	s0 := a0*b0 + a1x2*b9x19 + a2*b8x19 + a3x2*b7x19 + a4*b6x19 + a5x2*b5x19 + a6*b4x19 + a7x2*b3x19 + a8*b2x19 + a9x2*b1x19
	s1 := a0*b1 + a1*b0 + a2*b9x19 + a3*b8x19 + a4*b7x19 + a5*b6x19 + a6*b5x19 + a7*b4x19 + a8*b3x19 + a9*b2x19
	s2 := a0*b2 + a1x2*b1 + a2*b0 + a3x2*b9x19 + a4*b8x19 + a5x2*b7x19 + a6*b6x19 + a7x2*b5x19 + a8*b4x19 + a9x2*b3x19
	s3 := a0*b3 + a1*b2 + a2*b1 + a3*b0 + a4*b9x19 + a5*b8x19 + a6*b7x19 + a7*b6x19 + a8*b5x19 + a9*b4x19
	s4 := a0*b4 + a1x2*b3 + a2*b2 + a3x2*b1 + a4*b0 + a5x2*b9x19 + a6*b8x19 + a7x2*b7x19 + a8*b6x19 + a9x2*b5x19
	s5 := a0*b5 + a1*b4 + a2*b3 + a3*b2 + a4*b1 + a5*b0 + a6*b9x19 + a7*b8x19 + a8*b7x19 + a9*b6x19
	s6 := a0*b6 + a1x2*b5 + a2*b4 + a3x2*b3 + a4*b2 + a5x2*b1 + a6*b0 + a7x2*b9x19 + a8*b8x19 + a9x2*b7x19
	s7 := a0*b7 + a1*b6 + a2*b5 + a3*b4 + a4*b3 + a5*b2 + a6*b1 + a7*b0 + a8*b9x19 + a9*b8x19
	s8 := a0*b8 + a1x2*b7 + a2*b6 + a3x2*b5 + a4*b4 + a5x2*b3 + a6*b2 + a7x2*b1 + a8*b0 + a9x2*b9x19
	s9 := a0*b9 + a1*b8 + a2*b7 + a3*b6 + a4*b5 + a5*b4 + a6*b3 + a7*b2 + a8*b1 + a9*b0
	r.carry(s0, s1, s2, s3, s4, s5, s6, s7, s8, s9)
}

// square sets r to a a.
func (r *field) square(a *field) {
	a0 := int64(a[0])
	a1 := int64(a[1])
	a2 := int64(a[2])
	a3 := int64(a[3])
	a4 := int64(a[4])
	a5 := int64(a[5])
	a6 := int64(a[6])
	a7 := int64(a[7])
	a8 := int64(a[8])
	a9 := int64(a[9])
	a0x2 := 2 * a0
	a1x2 := 2 * a1
	a1x4 := 4 * a1
	a2x2 := 2 * a2
	a3x4 := 4 * a3
	a3x2 := 2 * a3
	a4x2 := 2 * a4
	a5x2 := 2 * a5
	a5x4 := 4 * a5
	a5x19 := 19 * a5
	a6x2 := 2 * a6
	a6x19 := 19 * a6
	a7x4 := 4 * a7
	a7x2 := 2 * a7
	a7x19 := 19 * a7
	a8x2 := 2 * a8
	a8x19 := 19 * a8
	a9x2 := 2 * a9
	a9x19 := 19 * a9
	s0 := a0*a0 + a1x4*a9x19 + a2x2*a8x19 + a3x4*a7x19 + a4x2*a6x19 + a5x2*a5x19
	s1 := a0x2*a1 + a2x2*a9x19 + a3x2*a8x19 + a4x2*a7x19 + a5x2*a6x19
	s2 := a0x2*a2 + a1x2*a1 + a3x4*a9x19 + a4x2*a8x19 + a5x4*a7x19 + a6*a6x19
	s3 := a0x2*a3 + a1x2*a2 + a4x2*a9x19 + a5x2*a8x19 + a6x2*a7x19
	s4 := a0x2*a4 + a1x4*a3 + a2*a2 + a5x4*a9x19 + a6x2*a8x19 + a7x2*a7x19
	s5 := a0x2*a5 + a1x2*a4 + a2x2*a3 + a6x2*a9x19 + a7x2*a8x19
	s6 := a0x2*a6 + a1x4*a5 + a2x2*a4 + a3x2*a3 + a7x4*a9x19 + a8*a8x19
	s7 := a0x2*a7 + a1x2*a6 + a2x2*a5 + a3x2*a4 + a8x2*a9x19
	s8 := a0x2*a8 + a1x4*a7 + a2x2*a6 + a3x4*a5 + a4*a4 + a9x2*a9x19
	s9 := a0x2*a9 + a1x2*a8 + a2x2*a7 + a3x2*a6 + a4x2*a5
	r.carry(s0, s1, s2, s3, s4, s5, s6, s7, s8, s9)
}

// squares sets r to a^(2^times).
func (r *field) squares(a *field, times int) {
	r.square(a)
	for range times - 1 {
		r.square(r)
	}
}

// powers returns a^(2^250 - 1) and a^11.
func powers(a *field) (power, eleven field) {
	var two, nine, t, u, v field
	two.square(a)
	t.squares(&two, 2)
	nine.mul(&t, a)
	eleven.mul(&nine, &two)
	t.square(&eleven)
	u.mul(&t, &nine) // 2^5 - 1
	t.squares(&u, 5)
	u.mul(&t, &u) // 2^10 - 1
	t.squares(&u, 10)
	v.mul(&t, &u) // 2^20 - 1
	t.squares(&v, 20)
	v.mul(&t, &v) // 2^40 - 1
	t.squares(&v, 10)
	u.mul(&t, &u) // 2^50 - 1
	t.squares(&u, 50)
	v.mul(&t, &u) // 2^100 - 1
	t.squares(&v, 100)
	v.mul(&t, &v) // 2^200 - 1
	t.squares(&v, 50)
	power.mul(&t, &u)
	return power, eleven
}

// invert sets r to a^(p - 2).
func (r *field) invert(a *field) {
	t, eleven := powers(a)
	t.squares(&t, 5)
	r.mul(&t, &eleven)
}

// powerP58 sets r to a^((p - 5) / 8).
func (r *field) powerP58(a *field) {
	t, _ := powers(a)
	t.squares(&t, 2)
	r.mul(&t, a)
}

func width(limb int) int {
	return 26 - limb&1
}

// decode sets r to the number of 255 bits that stands in bytes.
func (r *field) decode(bytes *[32]byte) {
	position := 0
	for i := range r {
		part := uint64(0)
		for j := 0; j < 5 && position/8+j < 32; j++ {
			part |= uint64(bytes[position/8+j]) << (8 * j)
		}
		r[i] = int32(part >> (position % 8) & (1<<width(i) - 1))
		position += width(i)
	}
}

// encode returns the number below p.
func (a *field) encode() (bytes [32]byte) {
	var carried field
	carried.carry(int64(a[0]), int64(a[1]), int64(a[2]), int64(a[3]), int64(a[4]),
		int64(a[5]), int64(a[6]), int64(a[7]), int64(a[8]), int64(a[9]))
	var limb [10]int64
	for i := range limb {
		limb[i] = int64(carried[i])
	}
	// The quotient by p, as if 19 had been added: 1 if a >= p, -1 if it is negative.
	quotient := (19*limb[9] + 1<<24) >> 25
	for i := range limb {
		quotient = (limb[i] + quotient) >> width(i)
	}
	limb[0] += 19 * quotient
	position := 0
	for i := range limb {
		over := limb[i] >> width(i)
		limb[i] -= over << width(i)
		if i < 9 {
			limb[i+1] += over
		}
		part := uint64(limb[i]) << (position % 8)
		for j := position / 8; part != 0 && j < 32; j++ {
			bytes[j] |= byte(part)
			part >>= 8
		}
		position += width(i)
	}
	return bytes
}

func (a *field) isZero() bool {
	return a.encode() == [32]byte{}
}

func (a *field) parity() byte {
	bytes := a.encode()
	return bytes[0] & 1
}
