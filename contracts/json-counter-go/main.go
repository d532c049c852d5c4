//go:build wasip1

// A counter. Who deploys it owns it.
//
//	constructor {"start": 5}   the start, 0 if it is not given
//	increment   {"by": 2}      adds, 1 if it is not given; the output is {"count":7}; emits "increment"
//	get         {}             the output is {"count":7}
//	reset       {}             back to 0; for the owner alone
//
// Storage: "count" in decimal digits, "owner" in 20 bytes.
package main

import (
	"lockstep/contracts/json-go/env"
	"lockstep/contracts/json-go/jsontext"
	"strconv"
)

func main() {}

//go:wasmexport constructor
func constructor() {
	owner := env.Caller()
	env.Store("owner", string(owner[:]))
	save(number("start", 0))
}

//go:wasmexport increment
func increment() {
	by := number("by", 1)
	after := count() + by
	if after < by {
		env.Fail("the counter is full")
	}
	save(after)
	env.Emit("increment", show(after))
}

//go:wasmexport get
func get() {
	env.Result(show(count()))
}

//go:wasmexport reset
func reset() {
	caller := env.Caller()
	if owner, found := env.Load("owner"); !found || owner != string(caller[:]) {
		env.Fail("not the owner")
	}
	save(0)
}

// number returns the unsigned number name of the arguments, or absent if there is none.
func number(name string, absent uint64) uint64 {
	arguments, err := jsontext.Parse(env.Args())
	if err != nil {
		env.Fail(err.Error())
	}
	value, err := arguments.Number(name, absent)
	if err != nil {
		env.Fail(err.Error())
	}
	return value
}

func count() uint64 {
	text, found := env.Load("count")
	if !found {
		return 0
	}
	count, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		panic(err)
	}
	return count
}

func save(count uint64) {
	env.Store("count", strconv.FormatUint(count, 10))
	env.Result(show(count))
}

func show(count uint64) string {
	return `{"count":` + strconv.FormatUint(count, 10) + `}`
}
