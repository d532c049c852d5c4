//go:build wasip1

// Dela's four contracts in Go. Each takes a JSON object as a C string and gives another:
// {"Accepted":"true","result":"..."}, or {"Accepted":"false","result":"what is wrong"}.
//
//	increaseCounter {"counter": 4}                                       the counter plus one, in decimal digits
//	simpleEC        {"scalar": "BASE64", "n": 1}                         sum of (scalar + i) B for i < n
//	ed25519_mul     {"point1": "BASE64", "scalar": "BASE64", "n": 1}     scalar^n point1
//	ed25519         {"point1": "BASE64", "point2": "BASE64", "n": 1}     point1 + n point2
//
// Points and scalars are 32 bytes; a scalar is less than 2^252, n at most 1,000,000 and 1 where it is not given.
package main

import (
	"encoding/base64"
	"errors"
	"lockstep/contracts/dela-go/curve"
	"lockstep/contracts/json-go/jsontext"
	"strconv"
	"unsafe"
)

const countMax = 1_000_000

func main() {}

// What the host holds pointers to: Go's collector must not take it.
var blocks = map[unsafe.Pointer][]byte{}

//go:wasmexport malloc
func malloc(bytes uint32) unsafe.Pointer {
	block := make([]byte, max(bytes, 1))
	pointer := unsafe.Pointer(unsafe.SliceData(block))
	blocks[pointer] = block
	return pointer
}

//go:wasmexport free
func free(pointer unsafe.Pointer) {
	delete(blocks, pointer)
}

//go:wasmexport increaseCounter
func increaseCounter(request unsafe.Pointer) unsafe.Pointer {
	return run(request, func(members jsontext.Object) (string, error) {
		counter, err := strconv.ParseInt(members["counter"], 10, 64)
		if err != nil || counter <= -1e18 || counter >= 1e18 {
			return "", errors.New("counter is not a whole number")
		}
		return strconv.FormatInt(counter+1, 10), nil
	})
}

//go:wasmexport simpleEC
func simpleEC(request unsafe.Pointer) unsafe.Pointer {
	return run(request, func(members jsontext.Object) (string, error) {
		n, err := count(members)
		if err != nil {
			return "", err
		}
		s, err := scalar(members)
		if err != nil {
			return "", err
		}
		table, sum := curve.NewBaseTable(), curve.Identity()
		for range n {
			term := table.Mul(&s)
			sum.Add(&sum, &term)
			for i := range s {
				if s[i]++; s[i] != 0 {
					break
				}
			}
		}
		return encode(&sum), nil
	})
}

//go:wasmexport ed25519_mul
func pointMul(request unsafe.Pointer) unsafe.Pointer {
	return run(request, func(members jsontext.Object) (string, error) {
		n, err := count(members)
		if err != nil {
			return "", err
		}
		s, err := scalar(members)
		if err != nil {
			return "", err
		}
		p, err := point(members, "point1")
		if err != nil {
			return "", err
		}
		for range n {
			p.Mul(&s, &p)
		}
		return encode(&p), nil
	})
}

//go:wasmexport ed25519
func pointAdd(request unsafe.Pointer) unsafe.Pointer {
	return run(request, func(members jsontext.Object) (string, error) {
		n, err := count(members)
		if err != nil {
			return "", err
		}
		p, err := point(members, "point1")
		if err != nil {
			return "", err
		}
		q, err := point(members, "point2")
		if err != nil {
			return "", err
		}
		for range n {
			p.Add(&p, &q)
		}
		return encode(&p), nil
	})
}

// run runs a contract on a request that is a C string; the reply is one that is never given back.
func run(request unsafe.Pointer, contract func(jsontext.Object) (string, error)) unsafe.Pointer {
	length := 0
	for *(*byte)(unsafe.Add(request, length)) != 0 {
		length++
	}
	accepted, result := "false", ""
	members, err := jsontext.Parse(unsafe.Slice((*byte)(request), length))
	if err != nil {
		err = errors.New("the request is not a JSON object")
	} else {
		result, err = contract(members)
	}
	if err != nil {
		result = err.Error()
	} else {
		accepted = "true"
	}
	reply := []byte(`{"Accepted":"` + accepted + `","result":"` + result + "\"}\x00")
	pointer := unsafe.Pointer(unsafe.SliceData(reply))
	blocks[pointer] = reply
	return pointer
}

func count(members jsontext.Object) (uint64, error) {
	n, err := members.Number("n", 1)
	if err != nil || n < 1 || n > countMax {
		return 0, errors.New("n is not a count from 1 to " + strconv.Itoa(countMax))
	}
	return n, nil
}

func bytes(members jsontext.Object, name string) (value [32]byte, ok bool) {
	text, err := members.Text(name)
	if err != nil {
		return value, false
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(text)
	copy(value[:], decoded)
	return value, err == nil && len(decoded) == 32
}

func scalar(members jsontext.Object) ([32]byte, error) {
	value, ok := bytes(members, "scalar")
	if !ok || value[31] >= 0x10 {
		return value, errors.New("scalar is not a scalar in base 64")
	}
	return value, nil
}

func point(members jsontext.Object, name string) (p curve.Point, err error) {
	value, ok := bytes(members, name)
	if ok {
		p, ok = curve.Decode(value)
	}
	if !ok {
		err = errors.New(name + " is not a point in base 64")
	}
	return p, err
}

func encode(p *curve.Point) string {
	bytes := p.Encode()
	return base64.StdEncoding.EncodeToString(bytes[:])
}
