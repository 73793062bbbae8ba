package ev

import (
	"errors"
	"math"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/jobs/ev/how"
	"github.com/idag/idag/jobs/ev/node"
	"github.com/idag/idag/rdd/fn"
)

// verify refuses options that cannot be, and those that name nodes which there are not,
// where it is known which there are.
func verify(k fn.Known) error {
	for _, v := range k["how"] {
		options, ok := v.(string)
		if !ok {
			continue // null: rows that bring no options
		}
		h, err := how.Parse(options)
		if err != nil {
			return err
		}
		if names := texted(k["node"]); len(names) > 0 {
			if err := h.Among(names); err != nil {
				return err
			}
		}
	}
	return nil
}

// texted are values that are texts.
func texted(values []any) []string {
	var out []string
	for _, v := range values {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// verifyAhead refuses to look ahead by what is no time or to ask for what no level is.
func verifyAhead(k fn.Known) error {
	var wrong []error
	for _, name := range []string{"minutes", "points", "low"} {
		v, ok := k.One(name)
		x, number := v.(float64)
		switch {
		case !ok:
		case !number || math.IsNaN(x) || math.Abs(x) > math.MaxFloat32:
			wrong = append(wrong, fault.New(fault.Invalid, "%s is no number that a level can have: %v", name, v))
		case name == "minutes" && !(x >= 0 && x <= node.MostMinutes):
			wrong = append(wrong, fault.New(fault.Invalid, "rows cannot look %v minutes ahead; expected 0 to %.0f", x, node.MostMinutes))
		}
	}
	return errors.Join(wrong...)
}
