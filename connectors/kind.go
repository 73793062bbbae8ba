package connectors

import (
	"context"

	"github.com/idag/idag/rdd"
)

// Kind describes a connector: its documentation, its options with their
// defaults and checks, its examples, and how it is opened. The generated page
// docs/connectors.md and the checks of job files both come from it.
//
// Source and Sink are given options that [Kind.Check] has passed: every value
// has its field's Go type and every default is filled in. What they find wrong
// beyond that they report as an [OptionError].
type Kind struct {
	Name     string
	Doc      string // first sentence: what it is
	Fields   []Field
	Examples []Example
	// Source opens a source, or is nil where the kind has none.
	Source func(ctx context.Context, o rdd.Options, env Env) (Source, error)
	// Sink opens a sink, or is nil where the kind has none.
	Sink func(ctx context.Context, o rdd.Options, env Env) (Sink, error)
}

// Field is one option of a connector.
type Field struct {
	Name     string
	Type     FieldType
	Doc      string
	Default  any  // nil: none
	Required bool // of sources and sinks alike
	Main     bool // the option meant by the short form, read: {parquet: PATH}
	For      Use
	Enum     []string // the allowed strings, where they are few
}

// FieldType is the type of an option's value.
type FieldType string

// The types of options, with the Go type of a checked value. A Strings option
// may be given as one string; a Duration as in [FieldType.Convert].
const (
	String   FieldType = "string"   // string
	Strings  FieldType = "strings"  // []string
	Int      FieldType = "int"      // int64
	Float    FieldType = "float"    // float64
	Bool     FieldType = "bool"     // bool
	Duration FieldType = "duration" // time.Duration
)

// Use says whether an option is for reading or for writing. The zero Use is
// both.
type Use string

// The uses of an option.
const (
	Reading Use = "read"
	Writing Use = "write"
)

// Example is a job file's step that uses the connector; a test parses it.
type Example struct {
	Title string
	YAML  string
}
