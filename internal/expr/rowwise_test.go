package expr

import (
	"fmt"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// TestRowwise proves that a batch gives what its rows give one by one, whether
// it is sliced at an offset or not, for the functions that look at all columns
// of a batch at once. A row alone takes the ways of constants and of single
// values, the batch those of dictionaries and of nested arrays.
func TestRowwise(t *testing.T) {
	batch := rowwiseBatch(t)
	for _, src := range rowwiseExprs() {
		n, err := Parse(src)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		p, err := Check(n, batch.Schema())
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		want := make([]string, batch.NumRows())
		for i := range want {
			want[i] = evalTexts(t, p, batch.NewSlice(int64(i), int64(i)+1))[0]
		}
		for _, cut := range [][2]int64{{0, batch.NumRows()}, {3, 9}, {5, 5}} {
			got := evalTexts(t, p, batch.NewSlice(cut[0], cut[1]))
			for i, text := range got {
				if text != want[int(cut[0])+i] {
					t.Errorf("%s in rows %v: row %d gives %s, alone %s", src, cut, i, text, want[int(cut[0])+i])
					break
				}
			}
		}
	}
}

// evalTexts is the rows of p over the batch as text, with ! for failures. It
// releases the batch.
func evalTexts(t *testing.T, p *Program, batch arrow.RecordBatch) []string {
	t.Helper()
	defer batch.Release()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	r, err := p.Eval(Env{Mem: mem, Now: time.Unix(1_800_000_000, 0)}, batch.Columns(), int(batch.NumRows()))
	if err != nil {
		t.Errorf("%s: %v", p.Node(), err)
		return make([]string, batch.NumRows())
	}
	defer r.Release()
	if got := r.Values.DataType(); got.ID() != arrow.DICTIONARY && !arrow.TypeEqual(got, p.Type()) {
		t.Errorf("%s is of type %s, not %s", p.Node(), got, p.Type())
	}
	if full, ok := r.Values.(interface{ ValidateFull() error }); ok {
		if err := full.ValidateFull(); err != nil {
			t.Errorf("%s: %v", p.Node(), err)
		}
	}
	write := writerOf(r.Values)
	texts := make([]string, r.Values.Len())
	for i := range texts {
		texts[i] = string(write(nil, i))
		if r.Nulled != nil && r.Nulled.Value(i) {
			texts[i] += "!"
		}
		if r.Failed != nil && r.Failed.Value(i) {
			texts[i] += "!!"
		}
	}
	return texts
}

// rowwiseBatch has a column of every type, with nulls, empty values and a
// dictionary of strings.
func rowwiseBatch(t *testing.T) arrow.RecordBatch {
	t.Helper()
	const ddl = `i bigint, f double, s string, u string, b boolean, ts timestamp, d date, dec decimal(10,2), bin binary, iv interval,
		a array<bigint>, aa array<array<string>>, ss array<string>, st struct<x: bigint, y: string, z: array<double>>,
		m map<string, bigint>, sa array<struct<k: string, v: decimal(5,1)>>, j string`
	docs := []string{
		`{"i":1,"f":0.5,"s":"alpha","u":"a,b,c","b":true,"ts":"2026-01-31 12:34:56.789","d":"2026-01-31","dec":12.34,"bin":"YWJj","iv":"1 day","a":[3,1,2],"aa":[["x"],[],["y","z"]],"ss":["b","a"],"st":{"x":7,"y":"why","z":[0.5]},"m":{"k":1,"l":2},"sa":[{"k":"p","v":1.5},null,{"v":2}],"j":"{\"a\": 1, \"b\": [1, 2]}"}`,
		`{}`,
		`{"i":-7,"f":"NaN","s":"","u":",","b":false,"ts":"1969-12-31 23:59:59","d":"1900-02-28","dec":-0.05,"bin":"","iv":"-3 hours","a":[],"aa":[],"ss":[],"st":{},"m":{},"sa":[],"j":"not json"}`,
		`{"i":9223372036854775807,"f":-1e300,"s":"Zoë 日本","u":"no","b":true,"ts":"2024-02-29 00:00:00","d":"2024-02-29","dec":99999999.99,"bin":"/w==","iv":"90 minutes","a":[null,5,5],"aa":[null,["x",null]],"ss":[null,"alpha"],"st":{"x":null,"y":"","z":null},"m":{"":null},"sa":[{"k":null,"v":null}],"j":"{\"a\": \"x\", \"b\": null}"}`,
		`{"i":0,"f":"Infinity","s":"alpha","u":"a1b22","ts":"9999-12-31 23:59:59.999999","d":"0001-01-01","dec":0,"a":[1],"ss":["alpha","alpha"],"st":{"x":1},"m":{"alpha":5},"j":"[1, 2, 3]"}`,
		`{"i":3,"f":2.5,"s":"  pad ","u":"http://x.org:80/p?q=1&r=%20#f","b":null,"ts":"2026-11-01 05:30:00","d":"2026-11-01","dec":1,"a":[2,null],"aa":[["a","b"],["c"]],"ss":["x"],"st":{"y":"n"},"m":{"k":-1},"sa":[{"k":"q","v":-3.14}],"j":"{\"b\": [true, {\"c\": \"d\"}]}"}`,
	}
	schema, err := ParseSchema(ddl)
	if err != nil {
		t.Fatal(err)
	}
	b := array.NewRecordBuilder(memory.NewGoAllocator(), schema)
	defer b.Release()
	names, kinds := []string{}, []kind{}
	for _, f := range schema.Fields() {
		names, kinds = append(names, f.Name), append(kinds, kindOf(f.Type))
	}
	k := structOf(names, kinds)
	st := &jsonState{}
	sb := array.NewStructBuilder(memory.NewGoAllocator(), k.arrow().(*arrow.StructType))
	defer sb.Release()
	for i := range 12 {
		if !readerOf(k)(docs[i%len(docs)], sb, st) {
			t.Fatalf("%s has values of wrong types", docs[i%len(docs)])
		}
	}
	rows := sb.NewStructArray()
	cols := make([]arrow.Array, rows.NumField())
	for i := range cols {
		cols[i] = rows.Field(i)
		if names[i] == "s" || names[i] == "j" {
			cols[i] = coded(rows.Field(i).(*array.String))
		}
	}
	fields := schema.Fields()
	for i := range fields {
		fields[i].Type = cols[i].DataType()
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, int64(rows.Len()))
}

// coded is a dictionary of the strings.
func coded(a *array.String) arrow.Array {
	dt := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	b, _ := array.NewDictionaryBuilder(memory.NewGoAllocator(), dt).(*array.BinaryDictionaryBuilder)
	for i := range a.Len() {
		if a.IsNull(i) {
			b.AppendNull()
			continue
		}
		if err := b.AppendString(a.Value(i)); err != nil {
			panic(fmt.Sprint(err))
		}
	}
	return b.NewArray()
}

func rowwiseExprs() []string {
	return []string{
		"a", "st", "m", "sa", "dec", "bin", "iv",
		"st.x", "st.y", "st.z", "st.z[0]", "st['y']", "sa.v", "sa[0].k", "sa.k[1]",
		"a[0]", "a[i]", "element_at(a, -1)", "element_at(a, i)", "aa[0]", "aa[2][1]", "ss[1]",
		"m['k']", "m[s]", "element_at(m, s)", "map_contains_key(m, s)", "map_keys(m)", "map_values(m)",
		"size(a)", "size(m)", "size(aa)",
		"array(i, 1, i + 1)", "array(s, u)", "array(st, NULL)", "array(a, array(1))[0]", "array(dec, 1.5::decimal(3,1))",
		"struct(i, s, 'k', a)", "struct(st.x, 1)", "named_struct('n', s, 'm', m)", "named_struct('n', s).n",
		"map(s, i)", "map('a', i, u, 2)", "map(i, st)",
		"array_contains(a, 5)", "array_contains(a, i)", "array_contains(ss, s)", "array_position(ss, 'alpha')", "array_contains(sa, sa[0])",
		"a = array(3, 1, 2)", "a < array(3)", "st <=> st", "sa = sa", "ss IN (array('b', 'a'), array('x'))", "a IS NULL",
		"coalesce(a, array(i))", "coalesce(st.z, array(f))", "if(b, a, array(0))", "CASE WHEN i > 0 THEN st END", "CASE s WHEN 'alpha' THEN m ELSE map('q', 1) END",
		"nullif(a, array(1))", "greatest(a, array(2))", "nullif(dec, 0)", "if(b, bin, s::binary)", "coalesce(iv, INTERVAL '1 hour')",
		"a::array<string>", "a::array<double>", "ss::array<bigint>", "m::map<string, double>", "st::struct<p: double, q: binary, r: array<bigint>>", "sa::array<struct<k: string, v: decimal(3,0)>>",
		"dec + 1", "dec * dec", "dec / 3", "dec % 7", "dec - dec * 2", "dec::decimal(4,1)", "dec::bigint", "dec::double", "dec::string", "s::decimal(5,2)", "f::decimal(20,5)", "i::decimal(20,0)", "dec > 0", "dec = 12.34::decimal(6,3)", "dec IN (0, 1)", "dec BETWEEN 0 AND 20", "-dec", "abs(dec)", "round(dec)", "round(dec, 1)", "ceil(dec)", "floor(dec)", "dec * i", "dec / dec",
		"iv + iv", "ts + iv", "ts - TIMESTAMP '2026-01-01'", "iv * i", "-iv", "iv > INTERVAL '1 hour'", "iv::string", "d + 1", "d - i", "d - d",
		"bin = s::binary", "bin::string", "s::binary", "bin > 'a'::binary", "bin IN ('abc'::binary)",
		"from_json(j, 'a bigint, b array<bigint>')", "from_json(j, 'a string, b string').a", "from_json(j, 'array<bigint>')", "from_json(j, 'map<string, string>')", "from_json(u, 'a int')",
		"get_json_object(j, '$.a')", "get_json_object(j, '$.b[1].c')", "get_json_object(j, '$.b')", "json_array_length(j)",
		"to_json(st)", "to_json(m)", "to_json(sa)", "to_json(struct(ts, d, f, s))", "to_json(a)", "to_json(s)",
		"array_min(a)", "array_max(ss)", "array_distinct(a)", "array_compact(a)", "sort_array(a)", "sort_array(a, FALSE)", "array_sort(a)", "slice(a, 2, 1)", "slice(a, i, 2)", "flatten(aa)", "flatten(array(a, a))",
		"array_join(ss, ',')", "array_join(ss, ',', '?')", "array_union(a, array(5, 9))", "array_intersect(a, array(5, 1))", "array_except(ss, array('a'))", "arrays_overlap(a, array(1, 2))",
		"array_append(a, i)", "array_prepend(ss, s)", "array_remove(a, 5)", "array_remove(ss, s)", "array_repeat(s, 2)", "array_repeat(i, i)", "sequence(1, i)", "sequence(i, 5)", "sequence(ts, ts + INTERVAL '2 hours', INTERVAL '1 hour')",
		"concat(a, a, array(1))", "reverse(ss)", "array_distinct(sa)", "sort_array(aa)",
		"split(u, '[,0-9]')", "split(u, ',', 2)", "regexp_extract(u, '([a-z])([0-9]+)', 2)", "regexp_extract_all(u, '([a-z])')", "regexp_replace(s, '[aeiou]', '<$0>')", "regexp_substr(u, '[0-9]+')", "regexp_count(u, '[a-z]')", "regexp_like(s, u)", "regexp_extract(s, s)",
		"hex(s)", "hex(bin)", "hex(i)", "unhex(s)", "base64(bin)", "unbase64(s)", "md5(s)", "sha1(bin)", "sha2(s, 512)", "sha2(s, i)", "crc32(s)", "conv(u, 16, 10)", "url_encode(u)", "url_decode(u)", "ascii(s)", "chr(i)", "bin(i)",
		"overlay(s, u, 2)", "overlay(s, u, 2, 3)", "btrim(s, 'a ')", "translate(s, 'alp', 'x')", "substring_index(u, ',', 2)", "substring_index(u, ',', -1)", "locate('a', s, 2)", "levenshtein(s, u)", "soundex(s)", "format_number(f, 2)", "format_number(i, 0)", "find_in_set(s, u)", "octet_length(s)", "bit_length(bin)", "space(i)",
		"log(2, f)", "hypot(f, i)", "pmod(i, 4)", "pmod(f, 3)", "bround(f, 1)", "factorial(i)", "i & 3", "i | 3", "i ^ 3", "~i", "shiftleft(i, 2)", "shiftright(i, 2)", "shiftrightunsigned(i, 2)", "getbit(i, 1)", "bit_count(i)", "width_bucket(f, 0, 10, 5)",
		"nvl2(i, s, u)", "decode(s, 'alpha', 1, '', 2, 3)", "decode(i, NULL, 'none', 1, 'one')", "zeroifnull(i)", "nullifzero(i)", "try_add(i, 9)", "try_divide(f, i)", "try_element_at(a, 0)", "isnotnull(a)", "typeof(st)",
		"last_day(d)", "add_months(d, i)", "add_months(d, 1)", "next_day(d, 'fri')", "next_day(d, s)", "months_between(ts, d)", "make_date(i, 1, 1)", "make_timestamp(2026, 1, i, 1, 2, 3.5)", "make_timestamp(2026, 7, 1, 1, 2, 3, 'Europe/Berlin')", "trunc(d, 'quarter')", "make_dt_interval(i, 0, 0, f)",
		"date_format(ts, 'yyyy-MM-dd EEEE hh:mm:ss.SSS a D Q')", "from_unixtime(i)", "to_timestamp(u, 'yyyy')", "to_date(ts::string, 'yyyy-MM-dd HH:mm:ss')", "unix_timestamp(ts)", "unix_timestamp(u, 'yyyy')", "timestampadd(MONTH, i, ts)", "timestampadd(DAY, 3, d)", "dateadd(HOUR, i, ts)", "timestampdiff(MONTH, ts, d)", "datediff(DAY, d, ts)", "dayname(d)", "weekday(d)", "unix_date(d)", "date_from_unix_date(i)", "date_part('doy', ts)",
		"from_utc_timestamp(ts, 'America/New_York')", "to_utc_timestamp(ts, 'America/New_York')", "convert_timezone('Asia/Tokyo', 'Europe/Berlin', ts)", "from_utc_timestamp(ts, u)",
		"strict(dec / 0)", "strict(element_at(a, 0))",
	}
}

// FuzzNested proves that no expression over columns of all types makes an
// evaluation panic or leak, and that its type is the one that was checked.
func FuzzNested(f *testing.F) {
	for _, s := range rowwiseExprs() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		n, err := Parse(src)
		if err != nil {
			return
		}
		batch := rowwiseBatch(t)
		p, err := Check(n, batch.Schema())
		if err != nil {
			return
		}
		p.CanBeTrue(Bounds{})
		want := evalTexts(t, p, batch.NewSlice(4, 5))
		if got := evalTexts(t, p, batch.NewSlice(2, 8)); got[2] != want[0] {
			t.Errorf("%s gives %s, alone %s", n, got[2], want[0])
		}
	})
}
