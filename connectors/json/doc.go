// Package json reads and writes JSON lines: one JSON object a line (RFC 8259),
// in UTF-8, as files that package files finds, cuts and publishes.
//
// # Decoding
//
// Bytes go straight into Arrow buffers, by the schema and in one pass. A row is
// good or bad by the whole schema, whatever columns a reader wants: what is not
// wanted is checked and not kept, so that every plan has the same dead letters.
// A bad row goes on with its bytes in the header's Bad and ends nothing.
//
//   - Keys that the schema lacks are checked for syntax and ignored, or make
//     the row bad (option unknown). Keys that a row lacks are null.
//   - Of a key that an object has twice, the last counts, as in encoding/json
//     and Spark (DuckDB takes the first), but each has to fit its column; a map
//     must not have one twice. Keys match exactly.
//   - A number has to fit its column without loss: 3.0 and 3e2 are a bigint,
//     3.5 is not. Doubles are rounded to the nearest; 1e999 is not a double.
//     Double columns take NaN, Infinity and -Infinity, bare or as strings,
//     decimal columns take strings of digits.
//   - String columns take every value: one that is no string as its JSON text,
//     as Spark and DuckDB do.
//   - Timestamps are strings YYYY-MM-DD[(T| )hh:mm[:ss[.fraction]][zone]], dates
//     YYYY-MM-DD, durations ISO 8601 without months (P1DT2H, PT0.5S), binary
//     is base64. Numbers are times only where option epoch gives their unit.
//   - Invalid UTF-8, lone surrogates, control characters in strings, data after
//     the object, more than 512 levels, and lines longer than max_line are bad.
//     A byte order mark, blank lines and \r\n are fine.
//
// # Inference
//
// Numbers without fraction and exponent that fit are bigint, others double; a
// column of both is double. Strings that all look like dates or times are
// that. Objects are structs with the fields of all of them in order of first
// appearance, or maps where they have very many that agree. What is only ever
// null is string, and so is what is of several kinds.
//
// # Encoding
//
// Reading what was written with the same schema gives the same values: NaN and
// the infinities are strings, -0.0 keeps its sign, doubles have the shortest
// digits that read back. Only bytes in strings that are not UTF-8 are lost:
// they become U+FFFD. NaNs are one NaN.
//
// # Memory
//
// Buffers of frames come from the projection's allocator, and a frame is lent
// until the next step. Strings that repeat are dictionary-encoded; frames share
// the dictionary while it does not grow.
package json
