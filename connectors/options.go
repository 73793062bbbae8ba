package connectors

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/idag/idag/rdd"
)

// OptionError is a mistake in one option of a connector, or in the use of the
// connector as a whole.
type OptionError struct {
	Kind   string // of the connector
	Option string // or "" for the connector as a whole
	Text   string // what was expected
}

// Error names the connector and the option.
func (e *OptionError) Error() string {
	if e.Option == "" {
		return e.Kind + " " + e.Text
	}
	return fmt.Sprintf("option %q of %s: %s", e.Option, e.Kind, e.Text)
}

// Check returns o with every value converted to its field's Go type and every
// default filled in, for reading or for writing. The error joins one
// [*OptionError] for each mistake, by option name.
func (k Kind) Check(use Use, o rdd.Options) (rdd.Options, error) {
	if err := k.usable(use); err != nil {
		return nil, err
	}
	var errs []error
	out := rdd.Options{}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		f, err := k.Field(use, name)
		if err == nil {
			out[name], err = k.convert(f, o[name])
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	for _, f := range k.Fields {
		if _, given := o[f.Name]; given || f.For != "" && f.For != use {
			continue
		}
		if f.Required {
			errs = append(errs, &OptionError{k.Name, f.Name, fmt.Sprintf("is required (%s)", f.Type)})
		}
		if f.Default == nil {
			continue
		}
		v, err := k.convert(f, f.Default)
		if err != nil {
			errs = append(errs, err)
		}
		out[f.Name] = v
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	return out, nil
}

// Field returns the field of the option called name, if the kind has one for
// use. The error is an [*OptionError] that suggests the nearest.
func (k Kind) Field(use Use, name string) (Field, error) {
	var names []string
	for _, f := range k.Fields {
		fits := f.For == "" || f.For == use
		if f.Name == name && fits {
			return f, nil
		}
		if f.Name == name {
			return Field{}, &OptionError{k.Name, name, fmt.Sprintf("is for a %s, not for a %s", f.For, use)}
		}
		if fits {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	return Field{}, &OptionError{k.Name, name, "is unknown" + meant(name, names)}
}

// Main returns the name of the option that the short form of a step means, or
// "" where the kind has none for use.
func (k Kind) Main(use Use) string {
	for _, f := range k.Fields {
		if f.Main && (f.For == "" || f.For == use) {
			return f.Name
		}
	}
	return ""
}

func (k Kind) usable(use Use) error {
	switch {
	case use == Reading && k.Source == nil:
		return &OptionError{k.Name, "", "cannot be read, only written"}
	case use == Writing && k.Sink == nil:
		return &OptionError{k.Name, "", "cannot be written, only read"}
	}
	return nil
}

func (k Kind) convert(f Field, v any) (any, error) {
	v, err := f.Type.Convert(v)
	if err != nil {
		return nil, &OptionError{k.Name, f.Name, err.Error()}
	}
	if s, ok := v.(string); ok && f.Enum != nil && !slices.Contains(f.Enum, s) {
		return nil, &OptionError{k.Name, f.Name, fmt.Sprintf("%q is not one of %s%s", s, strings.Join(f.Enum, ", "), suggest(s, f.Enum))}
	}
	return v, nil
}

func suggest(name string, names []string) string {
	if n := Nearest(name, names); n != "" {
		return fmt.Sprintf("; did you mean %q?", n)
	}
	return ""
}

// Convert converts v, as a job file or the Go API gives it, to the Go type
// of t. Texts that spell a number or a boolean are taken as such. A duration is
// a [time.Duration] or a text of numbers and units: "10 minutes", "1 day",
// "1h30m", "500ms", "1 week 2 days".
func (t FieldType) Convert(v any) (any, error) {
	var out any
	ok := false
	switch t {
	case String:
		out, ok = text(v)
	case Strings:
		out, ok = texts(v)
	case Int:
		out, ok = integer(v)
	case Float:
		out, ok = float(v)
	case Bool:
		out, ok = boolean(v)
	case Duration:
		out, ok = duration(v)
	case Mapping:
		out, ok = textsByName(v)
	}
	if !ok {
		return nil, fmt.Errorf("expected %s, got %s", t.spelled(), shown(v))
	}
	return out, nil
}

// spelled says what a value of type t looks like.
func (t FieldType) spelled() string {
	switch t {
	case String:
		return "a text"
	case Strings:
		return "a text or a list of texts"
	case Int:
		return "a whole number"
	case Float:
		return "a number"
	case Bool:
		return "true or false"
	case Duration:
		return `a duration such as "10 minutes"`
	case Mapping:
		return "a mapping of names to texts"
	}
	return "nothing: the field has no type"
}

// shown spells a wrong value in a message.
func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case string:
		return strconv.Quote(v)
	case []any, []string:
		return "a list"
	case map[string]any, map[string]string, rdd.Options:
		return "a mapping"
	default:
		return fmt.Sprint(v)
	}
}

func text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case rdd.Secret:
		return string(v), true
	case bool, int, int64, uint64, float64, time.Duration:
		return fmt.Sprint(v), true
	}
	return "", false
}

func texts(v any) ([]string, bool) {
	switch v := v.(type) {
	case []string:
		return slices.Clone(v), true
	case []any:
		out := make([]string, len(v))
		for i, e := range v {
			s, ok := text(e)
			if !ok {
				return nil, false
			}
			out[i] = s
		}
		return out, true
	}
	s, ok := text(v)
	return []string{s}, ok
}

func textsByName(v any) (map[string]string, bool) {
	switch v := v.(type) {
	case map[string]string:
		return maps.Clone(v), true
	case rdd.Options:
		return textsByName(map[string]any(v))
	case map[string]any:
		out := make(map[string]string, len(v))
		for name, e := range v {
			s, ok := text(e)
			if !ok {
				return nil, false
			}
			out[name] = s
		}
		return out, true
	}
	return nil, false
}

func integer(v any) (int64, bool) {
	switch v := v.(type) {
	case int:
		return int64(v), true
	case int64:
		return v, true
	case uint64:
		return int64(v), v <= math.MaxInt64
	case float64:
		return int64(v), v == math.Trunc(v) && math.Abs(v) < 1<<53
	case string:
		n, err := strconv.ParseInt(strings.NewReplacer(",", "", "_", "").Replace(v), 10, 64)
		return n, err == nil
	}
	return 0, false
}

func float(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case uint64:
		return float64(v), true
	case float64:
		return v, !math.IsNaN(v)
	case string:
		f, err := strconv.ParseFloat(v, 64)
		return f, err == nil && !math.IsNaN(f)
	}
	return 0, false
}

func boolean(v any) (bool, bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case string:
		return v == "true", v == "true" || v == "false"
	}
	return false, false
}

func duration(v any) (time.Duration, bool) {
	switch v := v.(type) {
	case time.Duration:
		return v, true
	case string:
		return parseDuration(v)
	case int, int64:
		return 0, v == 0 || v == int64(0) // zero needs no unit
	}
	return 0, false
}
