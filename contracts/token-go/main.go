// A token as a WASI reactor: every export is a call, its input stands on standard input, its output on standard output.
// contracts/token-rust is the same contract.
//
//	export       input                              output
//	constructor  supply, 8 bytes big-endian
//	balance_of   account, 20 bytes                  balance, 8 bytes big-endian
//	transfer     account, 20 bytes; amount, 8 bytes
//
// The deployer's balance is the supply. A transfer emits a log: the two accounts are its topics, the amount its data. What
// is wrong with a call is a line on standard error and the result 1: the frame reverts.
//
// Storage: the key "balance/" and the 20 bytes of the account hold the balance, 8 bytes big-endian.
package main

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strconv"
)

// amount of the token, 8 bytes big-endian.
type amount [8]byte

func (a amount) number() uint64 { return binary.BigEndian.Uint64(a[:]) }

func amountOf(number uint64) (a amount) {
	binary.BigEndian.PutUint64(a[:], number)
	return a
}

func decimal(number uint64) string { return strconv.FormatUint(number, 10) }

func balanceKey(account address) string { return "balance/" + string(account[:]) }

//go:wasmexport constructor
func constructor() int32 {
	return answer(8, func(input []byte) ([]byte, error) {
		store(balanceKey(caller()), amount(input))
		return nil, nil
	})
}

//go:wasmexport balance_of
func balanceOf() int32 {
	return answer(20, func(input []byte) ([]byte, error) {
		balance := load(balanceKey(address(input)))
		return balance[:], nil
	})
}

//go:wasmexport transfer
func transfer() int32 {
	return answer(28, func(input []byte) ([]byte, error) {
		from, to, moved := caller(), address(input[:20]), amount(input[20:])
		balance := load(balanceKey(from)).number()
		if balance < moved.number() {
			return nil, errors.New("the balance is " + decimal(balance) + ", less than " + decimal(moved.number()))
		}
		store(balanceKey(from), amountOf(balance-moved.number()))
		// The supply is 64 bits, so the sum of two balances is too.
		store(balanceKey(to), amountOf(load(balanceKey(to)).number()+moved.number()))
		emit(from, to, moved)
		return nil, nil
	})
}

// answer a call whose input has the given length: 0, or 1 and a line on standard error.
func answer(length int, method func(input []byte) ([]byte, error)) int32 {
	input, err := io.ReadAll(os.Stdin)
	if err == nil && len(input) != length {
		err = errors.New("the input has " + strconv.Itoa(len(input)) + " bytes, expected " + strconv.Itoa(length))
	}
	var output []byte
	if err == nil {
		output, err = method(input)
	}
	if err == nil {
		_, err = os.Stdout.Write(output)
	}
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		return 1
	}
	return 0
}

func main() {}
