//go:build wasip1

// Package env has the host functions of the ABI json, and functions over them that take and give strings and bytes.
package env

import "unsafe"

//go:wasmimport env args_len
func argsLen() int32

//go:wasmimport env args_read
func argsRead(pointer unsafe.Pointer)

//go:wasmimport env storage_get_len
func storageGetLen(key string) int32

//go:wasmimport env storage_get
func storageGet(key string, out unsafe.Pointer) int32

//go:wasmimport env storage_set
func storageSet(key string, value string)

//go:wasmimport env caller
func caller(out unsafe.Pointer)

//go:wasmimport env block_height
func blockHeight() int64

//go:wasmimport env call
func call(address unsafe.Pointer, method string, arguments string, gas int64) int32

//go:wasmimport env return_len
func returnLen() int32

//go:wasmimport env return_read
func returnRead(pointer unsafe.Pointer)

//go:wasmimport env emit
func emit(topic string, data string)

//go:wasmimport env set_result
func setResult(text string)

//go:wasmimport env fail
func fail(message string)

// Args returns the JSON arguments of the call.
func Args() []byte {
	bytes := make([]byte, argsLen())
	argsRead(unsafe.Pointer(unsafe.SliceData(bytes)))
	return bytes
}

// Load returns the text at key in the contract's storage, and whether there is one.
func Load(key string) (string, bool) {
	length := storageGetLen(key)
	if length < 0 {
		return "", false
	}
	value := make([]byte, length)
	storageGet(key, unsafe.Pointer(unsafe.SliceData(value)))
	return string(value), true
}

// Store puts value at key.
func Store(key, value string) {
	storageSet(key, value)
}

// Caller returns the address of the account that called.
func Caller() (address [20]byte) {
	caller(unsafe.Pointer(&address))
	return address
}

// Height returns the height of the block.
func Height() uint64 {
	return uint64(blockHeight())
}

// Call calls a method of another contract with at most gas. The status is 0 for success, 1 for failure and 2 for a
// revert; the reply is what the callee gave.
func Call(address [20]byte, method, arguments string, gas int64) (status int32, reply []byte) {
	status = call(unsafe.Pointer(&address), method, arguments, gas)
	reply = make([]byte, returnLen())
	returnRead(unsafe.Pointer(unsafe.SliceData(reply)))
	return status, reply
}

// Emit emits an event.
func Emit(topic, data string) {
	emit(topic, data)
}

// Result makes text the output of the call.
func Result(text string) {
	setResult(text)
}

// Fail reverts with a message.
func Fail(message string) {
	fail(message)
	panic("not reached")
}
