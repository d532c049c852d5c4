//go:build wasip1

// A vote: each caller has one voice until a block.
//
//	constructor {"options": ["yes", "no"], "last": 100}   2 to 16 options; last is the last block with voting
//	vote        {"option": "yes"}                         the output is the tally; emits "vote"
//	tally       {}                                        the output is {"yes":1,"no":0}, in the order of the options
//
// Storage: "options" as the JSON {"options":[...]}, "last", "votes/OPTION", "voter/ADDRESS".
package main

import (
	"lockstep/contracts/json-go/env"
	"lockstep/contracts/json-go/jsontext"
	"math"
	"slices"
	"strconv"
	"strings"
)

func main() {}

//go:wasmexport constructor
func constructor() {
	given, err := jsontext.Parse(env.Args())
	check(err)
	options, err := given.Texts("options")
	check(err)
	last, err := given.Number("last", math.MaxUint64)
	check(err)
	if len(options) < 2 || len(options) > 16 {
		env.Fail("2 to 16 options are needed")
	}
	quoted := make([]string, len(options))
	for i, option := range options {
		if slices.Index(options, option) != i {
			env.Fail("an option stands twice")
		}
		quoted[i] = jsontext.Quote(option)
		env.Store("votes/"+option, "0")
	}
	env.Store("options", `{"options":[`+strings.Join(quoted, ",")+`]}`)
	env.Store("last", strconv.FormatUint(last, 10))
}

//go:wasmexport vote
func vote() {
	given, err := jsontext.Parse(env.Args())
	check(err)
	option, err := given.Text("option")
	check(err)
	if last, found := env.Load("last"); found && env.Height() > number(last) {
		env.Fail("the vote is closed")
	}
	votes, found := env.Load("votes/" + option)
	if !found {
		env.Fail("no such option")
	}
	voter := hexadecimal(env.Caller())
	if _, found := env.Load("voter/" + voter); found {
		env.Fail("voted already")
	}
	env.Store("voter/"+voter, option)
	env.Store("votes/"+option, strconv.FormatUint(number(votes)+1, 10))
	env.Emit("vote", `{"voter":"`+voter+`","option":`+jsontext.Quote(option)+`}`)
	tally()
}

//go:wasmexport tally
func tally() {
	text, found := env.Load("options")
	if !found {
		env.Fail("the contract was deployed without options")
	}
	stored, err := jsontext.Parse([]byte(text))
	check(err)
	options, err := stored.Texts("options")
	check(err)
	counts := make([]string, len(options))
	for i, option := range options {
		votes, _ := env.Load("votes/" + option)
		counts[i] = jsontext.Quote(option) + ":" + votes
	}
	env.Result("{" + strings.Join(counts, ",") + "}")
}

// hexadecimal returns 40 digits. Package encoding/hex does the same, and brings 170 KB of fmt and os with it.
func hexadecimal(address [20]byte) string {
	var text strings.Builder
	for _, b := range address {
		text.WriteByte("0123456789abcdef"[b>>4])
		text.WriteByte("0123456789abcdef"[b&15])
	}
	return text.String()
}

func number(text string) uint64 {
	value, err := strconv.ParseUint(text, 10, 64)
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		env.Fail(err.Error())
	}
}
