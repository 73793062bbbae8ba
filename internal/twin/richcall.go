package twin

import (
	"encoding/json"
	"math/big"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// richCall applies the functions of decimals and of nested values, and some of
// strings and dates, to arguments that are not null.
func (s *scope) richCall(name string, a []any) (v any, ok bool) {
	switch name {
	case "size":
		switch x := a[0].(type) {
		case []any:
			return int64(len(x)), true
		case [][2]any:
			return int64(len(x)), true
		}
	case "field":
		return a[0].(map[string]any)[a[1].(string)], true
	case "get":
		return element(a[0], a[1]), true
	case "array_contains":
		return member(a[1], a[0].([]any)), true
	case "+", "-", "*", "/":
		if x, isDecimal := a[0].(json.Number); isDecimal {
			return s.decimals(name, rat(x), rat(a[1])), true
		}
	case "datediff":
		return int64(a[0].(arrow.Date32)) - int64(a[1].(arrow.Date32)), true
	case "instr":
		before, _, found := strings.Cut(a[0].(string), a[1].(string))
		return int64(b2i(found) * (len([]rune(before)) + 1)), true
	case "replace":
		if a[1] == "" {
			return a[0], true
		}
		return strings.ReplaceAll(a[0].(string), a[1].(string), a[2].(string)), true
	case "reverse":
		var out []rune
		for _, r := range a[0].(string) {
			out = append([]rune{r}, out...)
		}
		return string(out), true
	}
	return nil, false
}

// element is an element of a list or the value of a map at a key; null if it
// is not there.
func element(of, at any) any {
	if list, ok := of.([]any); ok {
		if i := at.(int64); i >= 0 && i < int64(len(list)) {
			return list[i]
		}
		return nil
	}
	for _, e := range of.([][2]any) {
		if e[0] == at {
			return e[1]
		}
	}
	return nil
}

// decimals computes on two decimal(10,2), with the types that Spark gives the
// results.
func (s *scope) decimals(name string, x, y *big.Rat) any {
	switch name {
	case "+":
		return decimal(new(big.Rat).Add(x, y), 11, 2)
	case "-":
		return decimal(new(big.Rat).Sub(x, y), 11, 2)
	case "*":
		return decimal(new(big.Rat).Mul(x, y), 21, 4)
	}
	if y.Sign() == 0 {
		return s.fail()
	}
	return decimal(new(big.Rat).Quo(x, y), 23, 13)
}
