// A batch of calls as a WASI command: it calls contracts of any ABI, one after the other, and tells how each call ended.
//
// Standard input: for each call
//
//	kind     1 byte: 'c' call, 's' static call, 'd' delegate call, 'x' call of an export by name; a capital letter if the
//	         call has to succeed
//	to       20 bytes
//	name     1 byte of length and the name, for 'x' alone
//	input    4 bytes of length, big-endian, and the bytes
//
// Standard output: for each call its status (0 success, 1 failure, 2 revert), 4 bytes of length, big-endian, and the output.
// A call that has to succeed and does not is a line on standard error, and exit code 1: the frame reverts.
//
// Storage: the key "calls" has the number of calls so far, 8 bytes big-endian. Each call emits a log with the callee as its
// topic and the status as its data.
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strconv"
)

type call struct {
	kind       byte
	isRequired bool
	to         [20]byte
	name       string
	input      string
}

// read so many bytes.
func read(from io.Reader, length uint32) ([]byte, error) {
	bytes := make([]byte, length)
	_, err := io.ReadFull(from, bytes)
	return bytes, err
}

// next call of the input; io.EOF behind the last one.
func next(from *bufio.Reader) (c call, err error) {
	kind, err := from.ReadByte()
	if err != nil {
		return c, err
	}
	c.kind, c.isRequired = kind|0x20, kind&0x20 == 0
	if _, err = io.ReadFull(from, c.to[:]); err != nil {
		return c, errors.New("an address ends early")
	}
	if c.kind == 'x' {
		length, err := from.ReadByte()
		if err != nil {
			return c, errors.New("a call has no name")
		}
		name, err := read(from, uint32(length))
		if err != nil {
			return c, errors.New("a name ends early")
		}
		c.name = string(name)
	}
	length, err := read(from, 4)
	if err != nil {
		return c, errors.New("a call has no input")
	}
	if binary.BigEndian.Uint32(length) > 1<<20 {
		return c, errors.New("an input is longer than a megabyte")
	}
	input, err := read(from, binary.BigEndian.Uint32(length))
	if err != nil {
		return c, errors.New("an input ends early")
	}
	c.input = string(input)
	return c, nil
}

func run(input *bufio.Reader, output io.Writer) error {
	for number := 1; ; number++ {
		c, err := next(input)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		count := load("calls")
		binary.BigEndian.PutUint64(count[:], binary.BigEndian.Uint64(count[:])+1)
		store("calls", count)
		status := perform(c)
		data := returnData()
		var topic [32]byte
		copy(topic[12:], c.to[:])
		emit(topic, []byte{byte(status)})
		if c.isRequired && status != 0 {
			return errors.New("call " + strconv.Itoa(number) + " has status " + strconv.Itoa(int(status)))
		}
		head := binary.BigEndian.AppendUint32([]byte{byte(status)}, uint32(len(data)))
		if _, err := output.Write(append(head, data...)); err != nil {
			return err
		}
	}
}

func main() {
	if err := run(bufio.NewReader(os.Stdin), os.Stdout); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}
