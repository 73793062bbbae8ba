package rdd

import "fmt"

// Secret is an option's value that must not be seen: it prints, and is written
// as JSON, as ***, so that it stands in no plan, digest, log or error.
type Secret string

const masked = "***"

// String implements fmt.Stringer.
func (Secret) String() string { return masked }

// Format implements fmt.Formatter for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(masked)) }

// MarshalText implements encoding.TextMarshaler, for JSON and YAML.
func (Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }
