// A counter for the ABI `wasi`: `increment` reads 8 bytes from standard input, adds them to a number in storage and writes the
// sum. Numbers are little-endian.
package main

import (
	"encoding/binary"
	"io"
	"math/bits"
	"os"
	"unsafe"
)

//go:wasmimport lockstep storage_get
func storageGet(key string, out unsafe.Pointer, capacity uint32) int32

//go:wasmimport lockstep storage_set
func storageSet(key string, value unsafe.Pointer, length uint32)

//go:wasmexport increment
func increment() int32 {
	input, err := io.ReadAll(os.Stdin)
	if err != nil || len(input) != 8 {
		return fail("8 bytes are expected")
	}
	var value [8]byte
	storageGet("count", unsafe.Pointer(&value), uint32(len(value)))
	sum, carry := bits.Add64(binary.LittleEndian.Uint64(value[:]), binary.LittleEndian.Uint64(input), 0)
	if carry != 0 {
		return fail("the counter is full")
	}
	binary.LittleEndian.PutUint64(value[:], sum)
	storageSet("count", unsafe.Pointer(&value), uint32(len(value)))
	os.Stdout.Write(value[:])
	return 0
}

// fail writes what a caller reads after a revert, and returns the exit code.
func fail(message string) int32 {
	os.Stderr.WriteString(message)
	return 1
}

// A reactor has an empty main.
func main() {}
