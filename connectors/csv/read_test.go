package csv

import (
	"strings"
	"testing"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// TestRead shows what files and options come to.
func TestRead(t *testing.T) {
	for _, c := range []struct {
		name string
		o    rdd.Options
		in   string
		want string
	}{
		{"types", nil, "b,i,f,d,t,s\ntrue,1,1.5,2024-02-29,2024-02-29T12:00:00,x\nFALSE,-2,2,2024-03-01,2024-03-01 13:00:00Z,\n",
			"b bool, i int64, f float64, d date32, t timestamp[us, tz=UTC], s utf8\n" +
				"12: b=true i=1 f=1.5 d=2024-02-29 t=2024-02-29T12:00:00Z s=x\n" +
				"56: b=false i=-2 f=2 d=2024-03-01 t=2024-03-01T13:00:00Z s=null"},
		{"quotes", nil, "a,b\n\"x,1\",\"say \"\"hi\"\"\"\n\"\",\n'q',a\"b\n",
			"a utf8, b utf8\n4: a=x,1 b=say \"hi\"\n23: a= b=null\n27: a='q' b=a\"b"},
		{"line ends", nil, "a,b\r\n1,x\r\n\r\n2,\"y\"\r\n3,", "a int64, b utf8\n5: a=1 b=x\n12: a=2 b=y\n19: a=3 b=null"},
		{"byte order mark", nil, "\ufeffa,b\n1,2\n", "a int64, b int64\n7: a=1 b=2"},
		{"no header", nil, "1,x\n2,y\n", "column0 int64, column1 utf8\n0: column0=1 column1=x\n4: column0=2 column1=y"},
		{"given names", rdd.Options{"columns": []string{"a", "b"}, "header": "false"}, "1,x\n", "a int64, b utf8\n0: a=1 b=x"},
		{"new names", rdd.Options{"columns": []string{"a", "b"}, "header": "true"}, "x,x\n1,x\n", "a int64, b utf8\n4: a=1 b=x"},
		{"semicolons", nil, "a;b\n1,5;2\n", "a utf8, b int64\n4: a=1,5 b=2"},
		{"tabs", nil, "a\tb\n1\t2\n", "a int64, b int64\n4: a=1 b=2"},
		{"pipes", nil, "a|b\n1|2\n", "a int64, b int64\n4: a=1 b=2"},
		{"decimal comma", rdd.Options{"decimal": ",", "thousands": "."}, "a;b\n1.234,5;1.000\n-0,5;7\n", "a float64, b int64\n4: a=1234.5 b=1000\n18: a=-0.5 b=7"},
		{"nulls", rdd.Options{"null": []string{"NA", "-"}}, "a,b\n1,NA\nNA,\"NA\"\n-,\n", "a int64, b utf8\n4: a=1 b=null\n9: a=null b=NA\n17: a=null b="},
		{"comments and lines to skip", rdd.Options{"comment": "#", "skip": 1}, "made today\n# by me\na,b\n#x\n1,2\n# \"\n3,4\n#end", "a int64, b int64\n26: a=1 b=2\n34: a=3 b=4"},
		{"backslash", rdd.Options{"escape": "\\"}, "a,b\n\"x\\\"y\",\"\\\\n\"\n", "a utf8, b utf8\n4: a=x\"y b=\\n"},
		{"no quotes", rdd.Options{"quote": ""}, "a,b\n\"x,1\n", "a utf8, b int64\n4: a=\"x b=1"},
		{"several lines", rdd.Options{"multiline": true}, "\"a\nb\",c\n\"1\n2\",3\n4,\"x\n\"\n", "a\nb utf8, c utf8\n8: a\nb=1\n2 c=3\n16: a\nb=4 c=x\n"},
		{"snake", rdd.Options{"names": "snake"}, "GpsSpeed (km/h),LAT,HTTPCode2,Temp °C,2019x\n1,2,3,4,5\n",
			"gps_speed_km_h int64, lat int64, http_code2 int64, temp_c int64, _2019x int64\n45: gps_speed_km_h=1 lat=2 http_code2=3 temp_c=4 _2019x=5"},
		{"odd names", nil, " a b ,,°C\n1,2,3\n", "a b int64, column1 int64, °C int64\n11: a b=1 column1=2 °C=3"},
		{"leading zeros", nil, "zip,n\n01234,0\n99999,0.5\n", "zip utf8, n float64\n6: zip=01234 n=0\n14: zip=99999 n=0.5"},
		{"one column", nil, "a\n1\n\n2\n", "a int64\n2: a=1\n4: a=null\n5: a=2"},
		{"spaces", rdd.Options{"trim": true}, "a,b\n 1 , x \n\" 2\",\" y \"\n", "a int64, b utf8\n4: a=1 b=x\n12: a=2 b= y "},
		{"only a header", nil, "a,b\n", "a utf8, b utf8\n"},
		{"dates", rdd.Options{"date_format": "MM/dd/yyyy"}, "d,t\n03/29/2021,2021-03-29 10:00:00\n", "d date32, t timestamp[us, tz=UTC]\n4: d=2021-03-29 t=2021-03-29T10:00:00Z"},
		{"times", rdd.Options{"timestamp_format": "dd.MM.yy HH:mm", "timezone": "Europe/Berlin"}, "t\n01.07.21 10:00\n01.12.21 10:00\n", "t timestamp[us, tz=UTC]\n2: t=2021-07-01T08:00:00Z\n17: t=2021-12-01T09:00:00Z"},
		{"declared", rdd.Options{"schema": "i string, d decimal(6,2), b binary"}, "i,d,b\n1,-12.5,aGk=\n2,,\n", "i utf8, d decimal(6, 2), b binary\n6: i=1 d=-12.5 b=aGk=\n19: i=2 d=null b=null"},
		{"latin1", rdd.Options{"encoding": "latin1"}, "stra\xdfe,b\nM\xfcller,1\n", "straße utf8, b int64\n9: straße=Müller b=1"},
		{"windows-1252", rdd.Options{"encoding": "windows-1252"}, "a,b\n5 \x80,1\n", "a utf8, b int64\n4: a=5 € b=1"},
		{"utf-16", rdd.Options{"encoding": "utf-16"}, "\xff\xfea\x00,\x00b\x00\n\x001\x00,\x00\xfc\x00\n\x00", "a int64, b utf8\n4: a=1 b=ü"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := readAll(t, formatOf(t, c.o), c.in, rdd.Projection{})
			if err != nil {
				t.Fatal(err)
			}
			if s := got.schema + "\n" + strings.Join(got.rows, "\n"); s != c.want || got.bad != nil {
				t.Errorf("got\n%s\nbad %q\nwant\n%s", s, got.bad, c.want)
			}
		})
	}
}

// TestBad shows which rows are bad, and what is said of them.
func TestBad(t *testing.T) {
	const head = "a,b,c\n"
	for _, c := range []struct {
		name string
		o    rdd.Options
		in   string
		want string
		rows int
	}{
		{"types", rdd.Options{"schema": "a bigint, b double, c string"}, "1,2,3\nx,2,3\n1,y,3\n", `12: column "a": want bigint, got "x": x,2,3|18: column "b": want double, got "y": 1,y,3`, 1},
		{"first wins", rdd.Options{"schema": "a bigint, b double, c string"}, "x,y,3\n", `6: column "a": want bigint, got "x": x,y,3`, 0},
		{"ragged", nil, "1,2\n1,2,3,4\n1,2,3\n", "6: 2 fields instead of 3: 1,2|10: more than 3 fields: 1,2,3,4", 1},
		{"padded", rdd.Options{"ragged": "null"}, "1,2\n1,2,3,4\n1\n", "10: more than 3 fields: 1,2,3,4", 2},
		{"open quote", nil, "1,\"2,3\n1,2,3\n", "6: a quote is not closed: 1,\"2,3", 1},
		{"behind a quote", nil, "1,\"2\"x,3\n1,2,3\n", "6: text behind a closing quote: 1,\"2\"x,3", 1},
		{"open at the end", rdd.Options{"multiline": true}, "1,2,3\n1,\"2,3\n\n", "12: a quote is not closed: 1,\"2,3", 1},
		{"not UTF-8", nil, "1,2,\xff\n1,2,3\n\xfe,2,3\n", "6: the row is not UTF-8 (option encoding tells what it is): 1,2,\xff|18: the row is not UTF-8 (option encoding tells what it is): \xfe,2,3", 1},
		{"impossible date", rdd.Options{"types": map[string]string{"a": "date"}, "date_format": "MM/dd/yyyy"}, "90/02/2032,1,2\n02/28/2021,1,2\n",
			`6: column "a": want date as MM/dd/yyyy, got "90/02/2032": 90/02/2032,1,2`, 1},
		{"integer overflow", rdd.Options{"types": map[string]string{"a": "bigint"}}, "9223372036854775808,1,1\n", `6: column "a": want bigint, got "9223372036854775808": 9223372036854775808,1,1`, 0},
		{"decimal", rdd.Options{"types": map[string]string{"a": "decimal(4,1)"}}, "123.40,1,1\n1234.5,1,1\n1.25,1,1\n.,1,1\n-0.1,1,1\n",
			`17: column "a": want decimal(4, 1), got "1234.5": 1234.5,1,1|28: column "a": want decimal(4, 1), got "1.25": 1.25,1,1|37: column "a": want decimal(4, 1), got ".": .,1,1`, 2},
		{"boolean", rdd.Options{"types": map[string]string{"a": "boolean"}}, "maybe,1,1\nyes,1,1\n", `6: column "a": want true or false, got "maybe": maybe,1,1`, 1},
		{"line ends", nil, "1,2\r\n1,2,3\r\n", "6: 2 fields instead of 3: 1,2", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := readAll(t, formatOf(t, c.o), head+c.in, rdd.Projection{})
			if err != nil {
				t.Fatal(err)
			}
			if s := strings.Join(got.bad, "|"); s != c.want || len(got.rows) != c.rows {
				t.Errorf("got %d rows, bad\n%s\nwant %d, bad\n%s", len(got.rows), s, c.rows, c.want)
			}
		})
	}
}

// TestMistakes proves that what is wrong with a file as a whole or with an
// option is the user's mistake, and says what to do.
func TestMistakes(t *testing.T) {
	for _, c := range []struct {
		o    rdd.Options
		in   string
		says string
	}{
		{nil, "a,b,a\n1,2,3\n", `two columns are called "a"`},
		{nil, "", "the files are empty"},
		{nil, "\na,b\n", "its first line is empty"},
		{nil, "\ufeff", "the files are empty"},
		{nil, "gr\xf6\xdfe,b\n1,2\n", "its header is not UTF-8 (option encoding"},
		{rdd.Options{"schema": "a bigint, b bigint"}, "a,b\xf6\n1,2\n", "its header is not UTF-8 (option encoding"},
		{nil, "\xff\xfea\x00,\x00b\x00\n\x001\x00,\x002\x00\n\x00", "encoding: utf-16"},
		{nil, "\xfe\xff\x00a\x00\n\x001\x00\n", "encoding: utf-16"},
		{rdd.Options{"decimal": ",", "delimiter": ","}, "", `option "decimal" of csv`},
		{rdd.Options{"types": map[string]string{"z": "date"}}, "a,b\n1,2\n", `there is no column "z"; there are ["a" "b"]`},
		{rdd.Options{"types": map[string]string{"a": "dat"}}, "a,b\n1,2\n", `option "types" of csv: column "a"`},
		{rdd.Options{"types": map[string]string{"a": "array<int>"}}, "a,b\n1,2\n", `read it as a string`},
		{rdd.Options{"schema": "a bigint, x string"}, "a,b\n1,2\n", `it has no column "x"`},
		{rdd.Options{"columns": []string{"a"}, "header": "true"}, "a,b\n1,2\n", `the option columns names 1`},
		{rdd.Options{"columns": []string{"a", "a"}}, "a,b\n1,2\n", `"a" stands there twice`},
		{rdd.Options{"delimiter": "ab"}, "", `option "delimiter" of csv`},
		{rdd.Options{"delimiter": "\""}, "", `option "quote" of csv`},
		{rdd.Options{"decimal": ""}, "", `option "decimal" of csv`},
		{rdd.Options{"thousands": "."}, "", `option "thousands" of csv`},
		{rdd.Options{"date_format": "%Y"}, "", `option "date_format" of csv`},
		{rdd.Options{"timezone": "Mars"}, "", `option "timezone" of csv`},
		{rdd.Options{"encoding": "ebcdic"}, "", `option "encoding" of csv`},
		{rdd.Options{"skip": -1}, "", `option "skip" of csv`},
	} {
		f, err := tryFormat(c.o)
		if err == nil {
			_, err = readAll(t, f, c.in, rdd.Projection{})
			if fault.Of(err) != fault.Invalid {
				t.Errorf("%v: %v is not the user's mistake", c.o, err)
			}
		}
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v of %q: got %v, want %q", c.o, c.in, err, c.says)
		}
	}
}
