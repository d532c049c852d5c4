package main

import "unsafe"

// The functions of module lockstep that this contract uses (docs/abi-wasi.md). A string is handed over as its pointer
// and its length.

//go:wasmimport lockstep storage_get
func hostStorageGet(key string, out unsafe.Pointer, capacity uint32) int32

//go:wasmimport lockstep storage_set
func hostStorageSet(key string, value unsafe.Pointer, length uint32)

//go:wasmimport lockstep caller
func hostCaller(out unsafe.Pointer)

//go:wasmimport lockstep emit
func hostEmit(topics unsafe.Pointer, count uint32, data unsafe.Pointer, length uint32)

// address of an account.
type address [20]byte

// caller of the running frame.
func caller() (account address) {
	hostCaller(unsafe.Pointer(&account))
	return account
}

// load the value at key, or zero where there is none.
func load(key string) (value amount) {
	hostStorageGet(key, unsafe.Pointer(&value), uint32(len(value)))
	return value
}

// store the value at key.
func store(key string, value amount) {
	hostStorageSet(key, unsafe.Pointer(&value), uint32(len(value)))
}

// emit a log with two accounts as its topics, each behind twelve zeros.
func emit(from, to address, data amount) {
	var topics [2][32]byte
	copy(topics[0][12:], from[:])
	copy(topics[1][12:], to[:])
	hostEmit(unsafe.Pointer(&topics), uint32(len(topics)), unsafe.Pointer(&data), uint32(len(data)))
}
