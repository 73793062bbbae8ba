// Package csv reads and writes CSV files, and others of lines with a delimiter,
// as files that package files finds, cuts and publishes.
//
//	read: {csv: data/trips}
//	write: {csv: out/per_meter}
//
// # Rows
//
// A row is a line; with multiline: true quoted fields may hold line ends, and a
// file is then one split. Lines end with \n or \r\n. Empty lines are no rows,
// unless there is only one column. A field whose first byte is the quote is
// quoted: delimiters in it are text, and two quotes are one. A quote elsewhere
// is text.
//
// A row is good or bad by all columns that have a type, whatever columns a
// reader wants: values of the others are checked and not kept, so that every
// plan has the same dead letters. Bad is a row with too many or too few fields,
// a quote that is not closed, text behind a closing quote, a value that is not
// of its column's type, bytes that are not UTF-8, or more than 16 MiB. It goes
// on with its bytes in the header's Bad and ends nothing.
//
// # Values
//
// Values are read as CAST reads them, and dates and times by patterns of Spark
// where options give some. Spaces around numbers, times and booleans are passed
// over. An empty value is null; of a string column only if it is not quoted.
// Durations are ISO 8601 (PT12.5S), binary is base64, nested values are written
// as JSON and cannot be read other than as strings.
//
// # Columns
//
// Each file has its own header, and columns are matched by name: their order may
// differ. A name that a header has twice is an error; an empty one becomes
// column0, counted from 0. Columns that a file lacks, or has alone, are an error
// unless union_by_name is true: then they are null, or left out. With a declared
// schema those that it lacks are left out. Without a header files have the same
// columns in the same order.
//
// The delimiter of a file is found from its first line alone, so that every
// split of it finds the same. Under header: auto either all files have a header
// or none has. Where columns are inferred the first files tell. Where they are
// declared, files have headers if of one of the first files half of the fields of
// the first line are names of columns, or all are texts where the schema has a
// number or a time; a file whose header has other names is then an error.
//
// # Reading fast
//
// A block of some thousand fields is indexed by looking at eight bytes at a
// time for delimiters and line ends, and then read column by column straight
// into Arrow buffers. Texts that repeat are codes of a dictionary that all
// frames of a split share.
//
// # Memory
//
// Buffers of frames come from the projection's allocator, and a frame is lent
// until the next step.
package csv
