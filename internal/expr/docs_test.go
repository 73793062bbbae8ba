package expr

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/functions.md")

// TestDocs compares docs/functions.md with the library, or writes it with
// -update. Every example in it is a test: see TestExamples.
func TestDocs(t *testing.T) {
	const page = "../../docs/functions.md"
	want := functionsPage()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is out of date: make docs-write", page)
	}
}

func functionsPage() string {
	var s strings.Builder
	s.WriteString("# Functions and operators\n\nExpressions are SQL, with the functions of Spark SQL under Spark's names. They are total: an overflow, a division by zero and a bad cast give null, which\n" +
		"the summary counts; `strict(e)` makes a dead letter of the row instead. NaN equals NaN and is larger than every other number; -0 equals 0. Unless it says otherwise,\n" +
		"a function is null if an argument is. What \"fails\" is null, and counted. Every example is true, and a test.\n\n" +
		"Types are `boolean`, `bigint`, `double`, `decimal(p,s)`, `string`, `binary`, `timestamp` (an instant, in microseconds), `date`, `interval` (a length of time, in microseconds),\n" +
		"`array<t>`, `map<k, v>` and `struct<name: t, ...>`. Integers of Spark's other widths are bigint, floats double. `x.name` is a field of a struct, `x[0]` an element of an array, `x['k']` a value\n" +
		"of a map. A number with a point is a double, not a decimal: write `CAST('1.5' AS decimal(10,2))`.\n\n" +
		"| name | also | arguments | what it gives | example |\n| --- | --- | --- | --- | --- |\n")
	cell := func(text string) string { return strings.ReplaceAll(text, "|", "\\|") }
	for _, f := range functions() {
		var also []string
		for _, a := range aliases() {
			if a[1] == f.Name {
				also = append(also, "`"+a[0]+"`")
			}
		}
		fmt.Fprintf(&s, "| `%s` | %s | %s | %s | `%s` |\n", cell(f.Name), strings.Join(also, " "), cell(f.Signature), cell(f.Doc), cell(f.Example))
	}
	s.WriteString("\n" + missingFunctions)
	return s.String()
}

const missingFunctions = `## Aggregates

In ` + "`reduce`" + `, not in other expressions. Those of every job: ` + "`count()` (`count(*)` too), `count(x)`, `count(distinct x)`, `sum`, `avg` (`mean`), `min`, `max`, `stddev`, `first` and `last`" + ` in the order of
event time; and, from sketches, ` + "`approx_distinct(x[, error])` (`approx_count_distinct`), `approx_top(x, k[, error])` (`approx_top_k`), `approx_count(x, value[, error])`, `approx_moment2(x[, error])` and `sample(x, k)`" + `,
which [sketches](sketches.md) explains with what is proven and measured of their errors. [Job files](jobfile.md) list those that a build has besides.

## What Spark has and this has not

| Spark | why, and what instead |
| --- | --- |
| rand, randn, uuid, shuffle, monotonically_increasing_id, spark_partition_id, input_file_name | They differ from run to run, and a batch that is run again must give the same rows. Derive the value from columns or now(). |
| current_user, current_database, version, current_timezone | There is no session. Every time is UTC; see from_utc_timestamp. |
| year and month intervals, make_interval | A month has no length. add_months and timestampadd(MONTH, ...) move a time by months. |
| transform, filter, aggregate, exists, forall, zip_with, map_filter, transform_values | Lambdas are not in the language. explode the array in the job, and reduce. |
| explode, posexplode, inline, stack, json_tuple | They make rows: an operation of the job, not an expression. |
| row_number, rank, lag, lead, ntile, window | They look at other rows: window and reduce are operations of the job. |
| hash, xxhash64, murmur | Their values would be compared with Spark's; sha2 and crc32 are portable. |
| aes_encrypt, aes_decrypt | Keys do not belong in expressions. |
| xpath and its like, from_xml, from_csv, schema_of_json | A connector reads such formats; from_json takes the schema. |
| get_json_object with * | A path names one place. from_json reads arrays. |
| parse_json(s) of type variant | There is no variant: parse_json(s, schema) is from_json. |
| format_string, printf, to_char, to_number | format_number, lpad, date_format and CAST. |
| look-around and back-references in patterns | Patterns are RE2, which runs in linear time. |
| sentences, mask, collation, encode and decode of charsets | Strings are UTF-8 and compare by code points. |
| width of integers: tinyint, smallint, int | They are read as bigint, and an overflow is one of 64 bits. |
`
