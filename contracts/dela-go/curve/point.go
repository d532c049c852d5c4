package curve

// Point is a point in extended coordinates: x = X/Z, y = Y/Z, xy = T/Z. Points are added by the unified formulas of
// Hisil, Wong, Carter and Dawson (2008) for a = -1.
type Point struct{ x, y, z, t field }

// Identity returns the neutral point.
func Identity() Point {
	return Point{y: field{1}, z: field{1}}
}

// d = -121665/121666 and a square root of -1 (RFC 8032, 5.1).
var d, d2, root = func() (d, d2, root field) {
	d.decode(&[32]byte{
		0xa3, 0x78, 0x59, 0x13, 0xca, 0x4d, 0xeb, 0x75, 0xab, 0xd8, 0x41, 0x41, 0x4d, 0x0a, 0x70, 0x00,
		0x98, 0xe8, 0x79, 0x77, 0x79, 0x40, 0xc7, 0x8c, 0x73, 0xfe, 0x6f, 0x2b, 0xee, 0x6c, 0x03, 0x52,
	})
	d2.add(&d, &d)
	root.decode(&[32]byte{
		0xb0, 0xa0, 0x0e, 0x4a, 0x27, 0x1b, 0xee, 0xc4, 0x78, 0xe4, 0x2f, 0xad, 0x06, 0x18, 0x43, 0x2f,
		0xa7, 0xd7, 0xfb, 0x3d, 0x99, 0x00, 0x4d, 0x2b, 0x0b, 0xdf, 0xc1, 0x4f, 0x80, 0x24, 0x83, 0x2b,
	})
	return d, d2, root
}()

// Decode returns the point that bytes stand for, and whether they stand for one.
//
// x^2 = (y^2 - 1) / (d y^2 + 1); a candidate is u v^3 (u v^7)^((p - 5) / 8).
func Decode(bytes [32]byte) (p Point, ok bool) {
	sign := bytes[31] >> 7
	bytes[31] &= 0x7f
	p.y.decode(&bytes)
	if p.y.encode() != bytes {
		return p, false
	}
	p.z = field{1}
	var u, v, v3, x, check, difference, sum field
	u.square(&p.y)
	v.mul(&u, &d)
	u.sub(&u, &p.z)
	v.add(&v, &p.z)
	v3.square(&v)
	v3.mul(&v3, &v)
	x.square(&v3)
	x.mul(&x, &v)
	x.mul(&x, &u)
	x.powerP58(&x)
	x.mul(&x, &v3)
	x.mul(&x, &u)
	check.square(&x)
	check.mul(&check, &v)
	difference.sub(&check, &u)
	sum.add(&check, &u)
	if !difference.isZero() {
		if !sum.isZero() {
			return p, false
		}
		x.mul(&x, &root)
	}
	if x.isZero() && sign == 1 {
		return p, false
	}
	if x.parity() != sign {
		x.negate(&x)
	}
	p.x = x
	p.t.mul(&p.x, &p.y)
	return p, true
}

// Encode returns the 32 bytes of p.
func (p *Point) Encode() [32]byte {
	var inverse, x, y field
	inverse.invert(&p.z)
	x.mul(&p.x, &inverse)
	y.mul(&p.y, &inverse)
	bytes := y.encode()
	bytes[31] |= x.parity() << 7
	return bytes
}

// Add sets r to p + q (add-2008-hwcd-3).
func (r *Point) Add(p, q *Point) {
	var a, b, c, e, f, g, h, i, s, t field
	s.sub(&p.y, &p.x)
	t.sub(&q.y, &q.x)
	a.mul(&s, &t)
	s.add(&p.y, &p.x)
	t.add(&q.y, &q.x)
	b.mul(&s, &t)
	c.mul(&p.t, &q.t)
	c.mul(&c, &d2)
	e.mul(&p.z, &q.z)
	e.add(&e, &e)
	f.sub(&b, &a)
	g.sub(&e, &c)
	h.add(&e, &c)
	i.add(&b, &a)
	r.x.mul(&f, &g)
	r.y.mul(&h, &i)
	r.t.mul(&f, &i)
	r.z.mul(&g, &h)
}

// double sets r to 2 p (dbl-2008-hwcd).
func (r *Point) double(p *Point) {
	var a, b, c, e, f, g, h, s field
	a.square(&p.x)
	b.square(&p.y)
	c.square(&p.z)
	c.add(&c, &c)
	s.add(&p.x, &p.y)
	e.square(&s)
	h.add(&a, &b)
	e.sub(&h, &e)
	g.sub(&a, &b)
	f.add(&c, &g)
	r.x.mul(&e, &f)
	r.y.mul(&g, &h)
	r.t.mul(&e, &h)
	r.z.mul(&f, &g)
}

// digits returns 64 digits of -8 to 7 of a scalar below 2^255, little-endian; the last may be 8.
func digits(scalar *[32]byte) (digits [64]int8) {
	over := 0
	for i := range digits {
		value := int(scalar[i/2]>>(4*(i&1))&15) + over
		over = 0
		if i < 63 && value >= 8 {
			over = 1
		}
		digits[i] = int8(value - 16*over)
	}
	return digits
}

// multiples are 1 to 8 times a point.
type multiples [8]Point

func (m *multiples) of(p *Point) {
	m[0] = *p
	for i := 1; i < len(m); i++ {
		m[i].Add(&m[i-1], p)
	}
}

// addDigit adds digit times the point of m.
func (r *Point) addDigit(m *multiples, digit int8) {
	switch {
	case digit > 0:
		r.Add(r, &m[digit-1])
	case digit < 0:
		negative := m[-digit-1]
		negative.x.negate(&negative.x)
		negative.t.negate(&negative.t)
		r.Add(r, &negative)
	}
}

// Mul sets r to scalar p, for a scalar of at most 255 bits, little-endian.
func (r *Point) Mul(scalar *[32]byte, p *Point) {
	var m multiples
	m.of(p)
	sum := Identity()
	digits := digits(scalar)
	for i := len(digits) - 1; i >= 0; i-- {
		for range 4 {
			sum.double(&sum)
		}
		sum.addDigit(&m, digits[i])
	}
	*r = sum
}

// BaseTable has multiples of the base point B: entry i those of 256^i B.
type BaseTable [32]multiples

// NewBaseTable computes the table.
func NewBaseTable() *BaseTable {
	encoded := [32]byte{0x58} // y = 4/5, x even
	for i := 1; i < len(encoded); i++ {
		encoded[i] = 0x66
	}
	base, ok := Decode(encoded)
	if !ok {
		panic("the base point is not on the curve")
	}
	table := new(BaseTable)
	for i := range table {
		table[i].of(&base)
		for range 8 {
			base.double(&base)
		}
	}
	return table
}

// Mul returns scalar B: the odd digits first, times 16, then the even ones.
func (table *BaseTable) Mul(scalar *[32]byte) Point {
	sum := Identity()
	digits := digits(scalar)
	for i := 1; i < len(digits); i += 2 {
		sum.addDigit(&table[i/2], digits[i])
	}
	for range 4 {
		sum.double(&sum)
	}
	for i := 0; i < len(digits); i += 2 {
		sum.addDigit(&table[i/2], digits[i])
	}
	return sum
}
