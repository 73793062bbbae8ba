package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/idag/idag/connectors"
)

// whole is a flag for a whole number from 1 to most, as job files allow it in
// settings. It is 0 while it is not given.
type whole struct {
	to   *int64
	most int64
}

// Set implements pflag.Value.
func (w whole) Set(text string) error {
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil || v < 1 || v > w.most {
		return fmt.Errorf("expected a whole number from 1 to %d", w.most)
	}
	*w.to = v
	return nil
}

func (w whole) String() string { return given(w.to) }
func (w whole) Type() string   { return "int" }

// size is a flag for a number of bytes, spelled as in job files.
type size struct{ to *int64 }

// Set implements pflag.Value.
func (s size) Set(text string) error {
	v, ok := parseSize(text)
	if !ok {
		return fmt.Errorf("expected a size of 1 byte or more, such as 64MB or 1 GiB")
	}
	*s.to = v
	return nil
}

func (s size) String() string { return given(s.to) }
func (s size) Type() string   { return "size" }

// given spells the value of a flag. It is called with nil to learn the spelling
// of the zero value.
func given(v *int64) string {
	if v == nil || *v == 0 {
		return ""
	}
	return strconv.FormatInt(*v, 10)
}

// parseSize reads a number of bytes as job files do: 64MB, 1.5 GiB, 1000.
func parseSize(text string) (int64, bool) {
	text = strings.TrimSpace(text)
	i := strings.LastIndexAny(text, "0123456789.") + 1
	unit, ok := map[string]int64{"": 1, "b": 1, "kb": 1e3, "k": 1e3, "mb": 1e6, "m": 1e6, "gb": 1e9, "g": 1e9,
		"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}[strings.ToLower(strings.TrimSpace(text[i:]))]
	if !ok {
		return 0, false
	}
	if v, err := strconv.ParseInt(text[:i], 10, 64); err == nil && v > 0 && v <= math.MaxInt64/unit {
		return v * unit, true
	}
	v, err := strconv.ParseFloat(text[:i], 64)
	v *= float64(unit)
	return int64(v), err == nil && v >= 1 && v < math.MaxInt64
}

// lateness is a flag for a duration of 0 or more.
type lateness struct{ to **time.Duration }

// Set implements pflag.Value.
func (l lateness) Set(text string) error {
	v, err := connectors.Duration.Convert(text)
	if err != nil {
		return err
	}
	d := v.(time.Duration)
	if d < 0 {
		return fmt.Errorf("expected a duration of 0 or more, got %q", text)
	}
	*l.to = &d
	return nil
}

func (l lateness) String() string {
	if l.to == nil || *l.to == nil {
		return ""
	}
	return (*l.to).String()
}
func (l lateness) Type() string { return "duration" }
