package expr

import "testing"

// TestDecimals proves Spark's types and values of decimal arithmetic.
func TestDecimals(t *testing.T) {
	for src, want := range map[string]string{
		"CAST('1.50' AS decimal(10,2)) + CAST('2.255' AS decimal(10,3))":                     "decimal(12,3) 3.755",
		"CAST('1.50' AS decimal(10,2)) - 2":                                                  "decimal(11,2) -0.50",
		"CAST('1.50' AS decimal(10,2)) * CAST('-2.5' AS decimal(3,1))":                       "decimal(14,3) -3.750",
		"CAST('1' AS decimal(10,2)) / CAST('3' AS decimal(10,2))":                            "decimal(23,13) 0.3333333333333",
		"CAST('-2' AS decimal(10,2)) / CAST('3' AS decimal(10,2))":                           "decimal(23,13) -0.6666666666667",
		"CAST('7.5' AS decimal(10,2)) % 2":                                                   "decimal(3,2) 1.50",
		"CAST('7.5' AS decimal(10,2)) div 2":                                                 "bigint 3",
		"CAST('1' AS decimal(10,2)) / CAST('0' AS decimal(10,2))":                            "decimal(23,13) null!",
		"CAST('99999999999999999999999999999999999999' AS decimal(38,0)) + 1":                "decimal(38,0) null!",
		"CAST('99999999999999999999999999999999999998' AS decimal(38,0)) + 1":                "decimal(38,0) 99999999999999999999999999999999999999",
		"CAST('12345678901234567890.123456' AS decimal(38,18)) * CAST(10 AS decimal(38,18))": "decimal(38,6) 123456789012345678901.234560",
		"CAST('1' AS decimal(38,18)) / CAST('3' AS decimal(38,18))":                          "decimal(38,6) 0.333333",
		"CAST('123.455' AS decimal(5,2))":                                                    "decimal(5,2) 123.46",
		"CAST('-123.455' AS decimal(5,2))":                                                   "decimal(5,2) -123.46",
		"CAST('1234' AS decimal(5,2))":                                                       "decimal(5,2) null!",
		"CAST('999.995' AS decimal(5,2))":                                                    "decimal(5,2) null!",
		"CAST('1e3' AS decimal(6,1))":                                                        "decimal(6,1) 1000.0",
		"CAST('12e-3' AS decimal(6,2))":                                                      "decimal(6,2) 0.01",
		"CAST('' AS decimal(6,2))":                                                           "decimal(6,2) null!",
		"CAST('1.x' AS decimal(6,2))":                                                        "decimal(6,2) null!",
		"CAST(2.675 AS decimal(6,2))":                                                        "decimal(6,2) 2.68",
		"CAST(sqrt(-1) AS decimal(6,2))":                                                     "decimal(6,2) null!",
		"CAST(1e300 AS decimal(38,0))":                                                       "decimal(38,0) null!",
		"CAST(123456 AS decimal(5,0))":                                                       "decimal(5,0) null!",
		"CAST(CAST('-2.5' AS decimal(5,1)) AS bigint)":                                       "bigint -2",
		"CAST(CAST('2.50' AS decimal(5,2)) AS double)":                                       "double 2.5",
		"CAST(CAST('0' AS decimal(5,2)) AS boolean)":                                         "boolean false",
		"CAST(CAST('2.349' AS decimal(5,3)) AS decimal(5,1))":                                "decimal(5,1) 2.3",
		"CAST('2.50' AS decimal(5,2)) = CAST('2.5' AS decimal(9,1))":                         "boolean true",
		"CAST('2.50' AS decimal(5,2)) > 2":                                                   "boolean true",
		"CAST('2.50' AS decimal(5,2)) < 2.5":                                                 "boolean false",
		"CAST('2.50' AS decimal(5,2)) IN (1, 2.50::decimal(3,2))":                            "boolean true",
		"round(CAST('2.345' AS decimal(5,3)), 2)":                                            "decimal(5,2) 2.35",
		//"bround(CAST('2.345' AS decimal(5,3)), 2)":                                           "decimal(5,2) 2.34",
		"round(CAST('255' AS decimal(5,0)), -1)":                              "decimal(6,0) 260",
		"ceil(CAST('2.1' AS decimal(5,3)))":                                   "decimal(3,0) 3",
		"floor(CAST('-2.1' AS decimal(5,3)))":                                 "decimal(3,0) -3",
		"-CAST('2.1' AS decimal(5,3))":                                        "decimal(5,3) -2.100",
		"abs(CAST('-2.1' AS decimal(5,3)))":                                   "decimal(5,3) 2.100",
		"sqrt(CAST('6.25' AS decimal(5,3)))":                                  "double 2.5",
		"coalesce(NULL, CAST('1.5' AS decimal(5,3)), 2)":                      "decimal(22,3) 1.500",
		"greatest(CAST('1.5' AS decimal(5,1)), CAST('1.55' AS decimal(5,2)))": "decimal(6,2) 1.55",
		"CAST(CAST('0.5' AS decimal(1,1)) AS string)":                         "string 0.5",
		"CASE WHEN TRUE THEN CAST('0.5' AS decimal(1,1)) END":                 "decimal(1,1) 0.5",
	} {
		checkTyped(t, src, want)
	}
}

// TestNested proves arrays, structs and maps.
func TestNested(t *testing.T) {
	for src, want := range map[string]string{
		"array(1, NULL, 3)":                                         "array<bigint> [1,null,3]",
		"array(1, 2.5)":                                             "array<double> [1.0,2.5]",
		"array('a', 'b')[0]":                                        "string a",
		"array('a', 'b')[2]":                                        "string null",
		"array('a', 'b')[-1]":                                       "string null",
		"element_at(array('a', 'b'), -1)":                           "string b",
		"element_at(array('a', 'b'), 0)":                            "string null!",
		"element_at(array('a', 'b'), 3)":                            "string null",
		"named_struct('a', 1, 'b', 'x')":                            `struct<a: bigint, b: string> {"a":1,"b":"x"}`,
		"named_struct('a', named_struct('b', 7)).a.b":               "bigint 7",
		"named_struct('a', NULL::int).a":                            "bigint null",
		"named_struct('end', 1).`end`":                              "bigint 1",
		"named_struct('a', 1)['a']":                                 "bigint 1",
		"array(named_struct('a', 1), named_struct('a', 2)).a":       "array<bigint> [1,2]",
		"map('a', 1, 'b', 2)['b']":                                  "bigint 2",
		"map('a', 1)['c']":                                          "bigint null",
		"map('a', 1, 'a', 2)":                                       "map<string, bigint> null!",
		"map(1, 'x', 2, NULL)":                                      `map<bigint, string> {"1":"x","2":null}`,
		"size(map('a', 1))":                                         "bigint 1",
		"size(array(1, 2, 3))":                                      "bigint 3",
		"size(CAST(NULL AS array<int>))":                            "bigint null",
		"array(1, 2) = array(1, 2)":                                 "boolean true",
		"array(1, 2) < array(1, 2, 3)":                              "boolean true",
		"array(1, NULL) = array(1, NULL::int)":                      "boolean true",
		"struct(1, 'x') = struct(1, 'y')":                           "boolean false",
		"array_contains(array(1, 2), 3)":                            "boolean false",
		"array_contains(array(1, NULL), 3)":                         "boolean null",
		"array_position(array('a', 'b'), 'c')":                      "bigint 0",
		"CAST(array('1', 'x') AS array<int>)":                       "array<bigint> [1,null]!",
		"CAST(named_struct('a', '2.5') AS struct<x: decimal(3,1)>)": `struct<x: decimal(3,1)> {"x":2.5}`,
		"coalesce(NULL, array(1))":                                  "array<bigint> [1]",
		"if(1 = 2, array(1), array(2, 3))":                          "array<bigint> [2,3]",
		"CAST('abc' AS binary)":                                     "binary YWJj",
		"CAST(CAST('abc' AS binary) AS string)":                     "string abc",
		"CAST('a' AS binary) < CAST('b' AS binary)":                 "boolean true",
		"TIMESTAMP '2026-01-02' - TIMESTAMP '2026-01-01 12:00:00'":  "interval INTERVAL '0 12:00:00' DAY TO SECOND",
		"CAST(INTERVAL '90 minutes' AS string)":                     "string INTERVAL '0 01:30:00' DAY TO SECOND",
		"CAST('1 02:00:00.5' AS interval)":                          "interval INTERVAL '1 02:00:00.5' DAY TO SECOND",
		"CAST('1 day 2 hours' AS interval) * 2":                     "interval INTERVAL '2 04:00:00' DAY TO SECOND",
		"CAST('x' AS interval)":                                     "interval null!",
		"INTERVAL '1 hour' < INTERVAL '61 minutes'":                 "boolean true",
		"DATE '2026-01-01' + 31":                                    "date 2026-02-01",
		"DATE '2026-02-01' - DATE '2026-01-01'":                     "interval INTERVAL '31 00:00:00' DAY TO SECOND",
	} {
		checkTyped(t, src, want)
	}
}

// checkTyped compares the type and the value that src has, with ! where a
// failure counts.
func checkTyped(t *testing.T, src, want string) {
	t.Helper()
	r := evalRow(t, src)
	defer r.Release()
	n, _ := Parse(src)
	got := kindOf(r.Values.DataType()).String() + " "
	if r.Values.IsNull(0) {
		got += "null"
	} else {
		got += string(textWriter(r.Values)(nil, 0))
	}
	if r.Nulled != nil {
		got += "!"
	}
	if got != want {
		t.Errorf("%s gives %s, want %s", n, got, want)
	}
}
