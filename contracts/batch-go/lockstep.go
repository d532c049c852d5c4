package main

import "unsafe"

// The functions of module lockstep that this program uses (docs/abi-wasi.md). A string is handed over as its pointer and
// its length.

//go:wasmimport lockstep storage_get
func hostStorageGet(key string, out unsafe.Pointer, capacity uint32) int32

//go:wasmimport lockstep storage_set
func hostStorageSet(key string, value unsafe.Pointer, length uint32)

//go:wasmimport lockstep gas_left
func hostGasLeft() int64

//go:wasmimport lockstep call
func hostCall(gas int64, address, value unsafe.Pointer, input string) int32

//go:wasmimport lockstep call_static
func hostCallStatic(gas int64, address unsafe.Pointer, input string) int32

//go:wasmimport lockstep call_delegate
func hostCallDelegate(gas int64, address unsafe.Pointer, input string) int32

//go:wasmimport lockstep call_export
func hostCallExport(gas int64, address, value unsafe.Pointer, name, input string) int32

//go:wasmimport lockstep return_data_length
func hostReturnDataLength() int32

//go:wasmimport lockstep return_data_copy
func hostReturnDataCopy(out unsafe.Pointer, offset, length uint32)

//go:wasmimport lockstep emit
func hostEmit(topics unsafe.Pointer, count uint32, data unsafe.Pointer, length uint32)

// load the eight bytes at key, or zero where there are none.
func load(key string) (value [8]byte) {
	hostStorageGet(key, unsafe.Pointer(&value), uint32(len(value)))
	return value
}

// store eight bytes at key.
func store(key string, value [8]byte) {
	hostStorageSet(key, unsafe.Pointer(&value), uint32(len(value)))
}

// emit a log with one topic.
func emit(topic [32]byte, data []byte) {
	hostEmit(unsafe.Pointer(&topic), 1, unsafe.Pointer(unsafe.SliceData(data)), uint32(len(data)))
}

// returnData is the output of the last call.
func returnData() []byte {
	data := make([]byte, hostReturnDataLength())
	hostReturnDataCopy(unsafe.Pointer(unsafe.SliceData(data)), 0, uint32(len(data)))
	return data
}

// perform the call with all gas that can be handed on: 0 success, 1 failure, 2 revert.
func perform(c call) int32 {
	var none [16]byte
	gas, to, value := hostGasLeft(), unsafe.Pointer(&c.to), unsafe.Pointer(&none)
	switch c.kind {
	case 's':
		return hostCallStatic(gas, to, c.input)
	case 'd':
		return hostCallDelegate(gas, to, c.input)
	case 'x':
		return hostCallExport(gas, to, value, c.name, c.input)
	default:
		return hostCall(gas, to, value, c.input)
	}
}
