// Package jsontext reads the members of one JSON object and writes strings: as much JSON as the contracts need.
//
// encoding/json does the same and more, for another 1.2 to 2.5 MB of code.
package jsontext

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// ErrMalformed says that a text is not one JSON object in UTF-8.
var ErrMalformed = errors.New("the arguments are not a JSON object")

const depthMax = 32

// Object is a JSON object: the raw text of each member.
type Object map[string]string

// Parse checks text as a whole. Of members of one name the last counts.
func Parse(text []byte) (Object, error) {
	if !utf8.Valid(text) {
		return nil, ErrMalformed
	}
	s := scanner{text: string(text)}
	members := Object{}
	ok := s.object(0, func(name, value string) { members[name] = value })
	s.space()
	if !ok || s.at != len(s.text) {
		return nil, ErrMalformed
	}
	return members, nil
}

// Number returns the unsigned number name, or absent if there is none.
func (o Object) Number(name string, absent uint64) (uint64, error) {
	raw, found := o[name]
	if !found {
		return absent, nil
	}
	value, err := strconv.ParseUint(raw, 10, 64)
	if err != nil {
		return 0, errors.New(name + " is not an unsigned number of 64 bits")
	}
	return value, nil
}

// Text returns the string name.
func (o Object) Text(name string) (string, error) {
	s := scanner{text: o[name]}
	text, ok := s.str()
	if !ok {
		return "", errors.New(name + " is not a string")
	}
	return text, nil
}

// Texts returns the array of strings name.
func (o Object) Texts(name string) ([]string, error) {
	s := scanner{text: o[name]}
	var texts []string
	isText := true
	ok := s.array(0, func(value string) {
		element := scanner{text: value}
		text, ok := element.str()
		isText = isText && ok
		texts = append(texts, text)
	})
	if !ok || !isText {
		return nil, errors.New(name + " is not an array of strings")
	}
	return texts, nil
}

// Quote returns text as a JSON string.
func Quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < 0x20:
			b.WriteString("\\u00" + string("01"[c>>4]) + string("0123456789abcdef"[c&15]))
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

type scanner struct {
	text string
	at   int
}

func (s *scanner) space() {
	for s.at < len(s.text) && strings.IndexByte(" \n\r\t", s.text[s.at]) >= 0 {
		s.at++
	}
}

func (s *scanner) take(c byte) bool {
	s.space()
	if s.at == len(s.text) || s.text[s.at] != c {
		return false
	}
	s.at++
	return true
}

func (s *scanner) object(depth int, member func(name, value string)) bool {
	if !s.take('{') {
		return false
	}
	if s.take('}') {
		return true
	}
	for {
		name, ok := s.str()
		if !ok || !s.take(':') {
			return false
		}
		value, ok := s.value(depth)
		if !ok {
			return false
		}
		member(name, value)
		if s.take('}') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

func (s *scanner) array(depth int, element func(value string)) bool {
	if !s.take('[') {
		return false
	}
	if s.take(']') {
		return true
	}
	for {
		value, ok := s.value(depth)
		if !ok {
			return false
		}
		element(value)
		if s.take(']') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

// value returns the raw text of the next value.
func (s *scanner) value(depth int) (string, bool) {
	s.space()
	start := s.at
	if start == len(s.text) || depth > depthMax {
		return "", false
	}
	ok := false
	switch s.text[start] {
	case '"':
		_, ok = s.str()
	case '{':
		ok = s.object(depth+1, func(string, string) {})
	case '[':
		ok = s.array(depth+1, func(string) {})
	default:
		ok = s.word()
	}
	return s.text[start:s.at], ok
}

// word passes a number, true, false or null.
func (s *scanner) word() bool {
	start := s.at
	for s.at < len(s.text) && strings.IndexByte(",]} \n\r\t", s.text[s.at]) < 0 {
		s.at++
	}
	switch word := s.text[start:s.at]; word {
	case "true", "false", "null":
		return true
	default:
		return isNumber(word)
	}
}

// isNumber tells -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)? from anything else.
func isNumber(word string) bool {
	word = strings.TrimPrefix(word, "-")
	whole, rest := digits(word)
	if whole == "" || whole[0] == '0' && len(whole) > 1 {
		return false
	}
	if strings.HasPrefix(rest, ".") {
		var part string
		if part, rest = digits(rest[1:]); part == "" {
			return false
		}
	}
	if rest != "" && rest[0]|0x20 == 'e' {
		rest = rest[1:]
		if rest != "" && (rest[0] == '+' || rest[0] == '-') {
			rest = rest[1:]
		}
		var part string
		if part, rest = digits(rest); part == "" {
			return false
		}
	}
	return rest == ""
}

func digits(word string) (part, rest string) {
	n := 0
	for n < len(word) && word[n] >= '0' && word[n] <= '9' {
		n++
	}
	return word[:n], word[n:]
}

func (s *scanner) str() (string, bool) {
	if !s.take('"') {
		return "", false
	}
	var b strings.Builder
	for s.at < len(s.text) {
		c := s.text[s.at]
		s.at++
		switch {
		case c == '"':
			return b.String(), true
		case c < 0x20:
			return "", false
		case c != '\\':
			b.WriteByte(c)
		default:
			if !s.escape(&b) {
				return "", false
			}
		}
	}
	return "", false
}

func (s *scanner) escape(b *strings.Builder) bool {
	if s.at == len(s.text) {
		return false
	}
	c := s.text[s.at]
	s.at++
	if i := strings.IndexByte("\"\\/bfnrt", c); i >= 0 {
		b.WriteByte("\"\\/\b\f\n\r\t"[i])
		return true
	}
	if c != 'u' {
		return false
	}
	unit, ok := s.unit()
	if !ok {
		return false
	}
	if utf16.IsSurrogate(unit) && strings.HasPrefix(s.text[s.at:], "\\u") {
		at := s.at
		s.at += 2
		low, ok := s.unit()
		if !ok {
			return false
		}
		if pair := utf16.DecodeRune(unit, low); pair != utf8.RuneError {
			b.WriteRune(pair)
			return true
		}
		s.at = at
	}
	b.WriteRune(unit) // half of a pair becomes U+FFFD
	return true
}

func (s *scanner) unit() (rune, bool) {
	if len(s.text)-s.at < 4 {
		return 0, false
	}
	unit := rune(0)
	for _, c := range []byte(s.text[s.at : s.at+4]) {
		digit := strings.IndexByte("0123456789abcdef", c|0x20)
		if digit < 0 {
			return 0, false
		}
		unit = unit<<4 | rune(digit)
	}
	s.at += 4
	return unit, true
}
