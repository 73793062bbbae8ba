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
	// Listed says that what is read may bear headers that list the operations applied to the
	// rows (rdd.Header.Done), so that a read can say whether to trust them.
	Listed bool
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
	Secret   bool     // the value is shown nowhere
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
	Mapping  FieldType = "mapping"  // map[string]string
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

// FileFields are the options that connectors of files have in common, for
// internal/files to carry out. A connector adds its own behind them. Those of follow are
// for connectors that can follow a directory.
func FileFields(follow bool) []Field {
	fields := []Field{
		{Name: "path", Type: Strings, Required: true, Main: true,
			Doc: "What to read: files, directories (with all below them, but for names that start with _ or .) " +
				"or patterns with *, ?, {a,b} and **; files packed with gzip, zstd or bzip2 are unpacked; s3://BUCKET/PATH for object storage, with ?region=, endpoint=, profile=, access_key=, secret_key= behind it (see docs/files.md). What to write: a directory, on a disk or in object storage."},
		{Name: "hive_partitioning", Type: Bool, Default: true, For: Reading,
			Doc: "Directories named key=value are columns: whole numbers if all values are, else strings."},
		{Name: "filename", Type: String, For: Reading,
			Doc: "The name of a column to add, which holds the path of the row's file."},
		{Name: "union_by_name", Type: Bool, Default: false, For: Reading,
			Doc: "Files may have different columns; one that a file lacks is null there."},
		{Name: "mode", Type: String, Default: "error", For: Writing,
			Enum: []string{"error", "overwrite", "append"},
			Doc: "What a new run does when the directory holds something already, be it of an earlier run of the " +
				"same job: error refuses it before anything is read, overwrite replaces what runs have published there when the first " +
				"batch appears or the run ends (files that no run published are refused, not removed), append adds to it in job=NAME/run=NUMBER, which become columns. Object storage knows no overwrite. " +
				"A run that goes on by its ledger keeps what it has published, in every mode."},
	}
	if follow {
		fields = append(fields, followFields()...)
	}
	return fields
}

func followFields() []Field {
	return []Field{
		{Name: "follow", Type: Bool, Default: false, For: Reading,
			Doc: "Go on reading what comes into the directories, until the job is stopped: new files in the order in which they were last changed, " +
				"then by name, and what files of lines grow by. Names that begin with . or _, or end in .tmp, .part, .partial, .crdownload, .download, .temp, .swp or ~, are passed over."},
		{Name: "settle", Type: Duration, Default: "1s", For: Reading,
			Doc: "How long a file that is followed must not have changed to be taken for complete. 0 takes it at once, which is right where files are moved in."},
		{Name: "poll", Type: Duration, Default: "1s", For: Reading,
			Doc: "How often to look for what has come where the system does not tell."},
	}
}
