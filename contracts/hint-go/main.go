// A filter of the kind that SUAVE runs confidentially: it reads a bundle of transactions and says as little of it as a
// searcher needs, where the first transaction goes and what it calls.
//
// Standard input: {"txs":[{"to":"0x..","input":"0x.."}, ..], "percent":0..100}
// Standard output: {"To":"0x..","Data":"<base64>"}, where Data is the given part of the transaction's input, at least
// its selector of four bytes.
// What is wrong with a bundle is a line on standard error, and exit code 1: the frame reverts.
package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// selectorBytes of an input are always told: they name the function that a transaction calls.
const selectorBytes = 4

// hexBytes stand in JSON as a string "0x..".
type hexBytes []byte

func (b *hexBytes) UnmarshalText(text []byte) error {
	digits, found := strings.CutPrefix(string(text), "0x")
	if !found {
		return errors.New("bytes do not begin with 0x")
	}
	decoded, err := hex.DecodeString(digits)
	*b = decoded
	return err
}

type transaction struct {
	To    string   `json:"to"`
	Input hexBytes `json:"input"`
}

type bundle struct {
	Transactions []transaction `json:"txs"`
	Percent      int           `json:"percent"`
}

type hint struct {
	To   string
	Data []byte
}

func extract(bundle bundle) (hint, error) {
	if len(bundle.Transactions) == 0 {
		return hint{}, errors.New("the bundle has no transactions")
	}
	if bundle.Percent < 0 || bundle.Percent > 100 {
		return hint{}, fmt.Errorf("percent is %d, expected 0 to 100", bundle.Percent)
	}
	first := bundle.Transactions[0]
	if first.To == "" {
		return hint{}, errors.New("the first transaction creates a contract")
	}
	told := max(len(first.Input)*bundle.Percent/100, selectorBytes)
	return hint{To: first.To, Data: first.Input[:min(told, len(first.Input))]}, nil
}

func run(input io.Reader, output io.Writer) error {
	var bundle bundle
	if err := json.NewDecoder(input).Decode(&bundle); err != nil {
		return fmt.Errorf("the bundle cannot be read: %w", err)
	}
	hint, err := extract(bundle)
	if err != nil {
		return err
	}
	return json.NewEncoder(output).Encode(hint)
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
