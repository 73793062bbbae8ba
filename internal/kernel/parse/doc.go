// Package parse reads values from the bytes of text files: whole numbers,
// doubles, booleans, dates and timestamps. It takes what CAST from a string
// takes, but for spaces around the value, which callers trim, and is made for
// long columns of short values: no value costs an allocation, and the common spellings
// take a path of their own.
//
// A value is either read whole, to its last byte, or not at all. No function
// keeps the bytes that it is given.
package parse
