package twin

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// What values of the further types are: json.Number a decimal, arrow.Duration a
// duration, []byte binary, []any a list, map[string]any a struct, [][2]any a map.

// compareRich compares decimals, durations and binary.
func compareRich(a, b any) (sign int, ok bool) {
	switch x := a.(type) {
	case json.Number:
		return rat(x).Cmp(rat(b)), true
	case arrow.Duration:
		return cmp.Compare(x, b.(arrow.Duration)), true
	case []byte:
		return bytes.Compare(x, b.([]byte)), true
	}
	return 0, false
}

// rat is a decimal or a duration as a number.
func rat(v any) *big.Rat {
	if d, ok := v.(arrow.Duration); ok {
		return new(big.Rat).SetInt64(int64(d))
	}
	r, _ := new(big.Rat).SetString(string(v.(json.Number)))
	return r
}

// decimal writes r with so many digits behind the point, rounded half away from
// zero; null if it has more than digits in all.
func decimal(r *big.Rat, digits, scale int) any {
	s := r.FloatString(scale)
	if strings.Trim(s, "-0.") == "" {
		s = strings.TrimPrefix(s, "-")
	}
	whole := strings.TrimLeft(strings.Replace(strings.TrimPrefix(s, "-"), ".", "", 1), "0")
	if len(whole) > digits {
		return nil
	}
	return json.Number(s)
}

// total is sum or avg of decimals, which are all decimal(10,2), or durations.
func total(name string, vals []any) any {
	sum := new(big.Rat)
	for _, v := range vals {
		sum.Add(sum, rat(v))
	}
	_, isDuration := vals[0].(arrow.Duration)
	digits, scale := 20, 2
	if name == "avg" {
		sum.Quo(sum, new(big.Rat).SetInt64(int64(len(vals))))
		digits, scale = 14, 6
	}
	if !isDuration {
		return decimal(sum, digits, scale)
	}
	if n, ok := new(big.Int).SetString(sum.FloatString(0), 10); ok && n.IsInt64() {
		return arrow.Duration(n.Int64())
	}
	return nil
}

// textRich prints values of the further types; nested ones item by item.
func textRich(v any) string {
	switch x := v.(type) {
	case json.Number:
		return "decimal " + string(x)
	case arrow.Duration:
		return fmt.Sprintf("duration %d", int64(x))
	case []byte:
		return fmt.Sprintf("binary %x", x)
	case []any:
		items := make([]string, len(x))
		for i := range x {
			items[i] = text(x[i])
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any:
		var fields []string
		for _, name := range slices.Sorted(maps.Keys(x)) {
			fields = append(fields, name+": "+text(x[name]))
		}
		return "{" + strings.Join(fields, ", ") + "}"
	case [][2]any:
		entries := make([]string, len(x))
		for i, e := range x {
			entries[i] = text(e[0]) + " -> " + text(e[1])
		}
		return "<" + strings.Join(entries, ", ") + ">"
	}
	return fmt.Sprint(v)
}

// typeOfRich is typeOfValue of the further types.
func typeOfRich(v any) arrow.Type {
	switch v.(type) {
	case json.Number:
		return arrow.DECIMAL128
	case arrow.Duration:
		return arrow.DURATION
	case []byte:
		return arrow.BINARY
	case []any:
		return arrow.LIST
	case map[string]any:
		return arrow.STRUCT
	case [][2]any:
		return arrow.MAP
	}
	return arrow.NULL
}
