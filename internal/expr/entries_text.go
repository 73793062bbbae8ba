package expr

import (
	"strings"
	"unicode"
)

func textEntries() []entry {
	cut := func(name, doc, example string, f func(string) string) entry {
		return simple(name, doc, example, sig(kString, cutRows(f), kString))
	}
	test := func(name, doc, example string, f func(a, b string) bool) entry {
		return simple(name, doc, example, sig(kBool, textBools(f), kString, kString))
	}
	whole := func(s string, pos, _ int64) string { return substring(s, pos, 1<<62) }
	return []entry{
		simple("length", "Number of characters; char_length, len too.", "length('Zoë') = 3",
			sig(kInt, textInts(func(a, _ string) int64 { return runes(a) }), kString)),
		cut("trim", "s without spaces at both ends.", "trim(' a ') = 'a'", func(s string) string { return strings.Trim(s, " ") }),
		cut("ltrim", "s without spaces at the start.", "ltrim(' a ') = 'a '", func(s string) string { return strings.TrimLeft(s, " ") }),
		cut("rtrim", "s without spaces at the end.", "rtrim(' a ') = ' a'", func(s string) string { return strings.TrimRight(s, " ") }),
		simple("substring", "The part of s from position p (from 1, negative from the end) of n characters, or all the rest; substr too.",
			"substring('stream', 2, 3) = 'tre'",
			sig(kString, cutByInts(whole), kString, kInt), sig(kString, cutByInts(substring), kString, kInt, kInt)),
		simple("left", "The first n characters.", "left('stream', 2) = 'st'",
			sig(kString, cutByInts(func(s string, n, _ int64) string { return cutRunes(s, 0, n) }), kString, kInt)),
		simple("right", "The last n characters.", "right('stream', 2) = 'am'",
			sig(kString, cutByInts(func(s string, n, _ int64) string { return right(s, n) }), kString, kInt)),
		test("starts_with", "Whether s starts with t; startswith too.", "starts_with('stream', 'st')", strings.HasPrefix),
		test("ends_with", "Whether s ends with t; endswith too.", "ends_with('stream', 'am')", strings.HasSuffix),
		test("contains", "Whether t occurs in s.", "contains('stream', 'tre')", strings.Contains),
		simple("position", "Where t first occurs in s, in characters from 1, for position(t, s); 0 if it does not.", "position('r', 'stream') = 3",
			sig(kInt, textInts(func(sub, s string) int64 { return position(s, sub) }), kString, kString)),
		simple("instr", "Where t first occurs in s, for instr(s, t); 0 if it does not.", "instr('stream', 'r') = 3",
			sig(kInt, textInts(position), kString, kString)),
	}
}

func textMakerEntries() []entry {
	maker := func(name, doc, example string, f func(*call) func([]byte, int) ([]byte, bool), params ...kind) entry {
		return simple(name, doc, example, sig(kString, textRows(f), params...))
	}
	join := maker("concat", "All strings, or arrays, one after the other, a || b too; null if one is null."+textLimit, "'a' || 'b' = concat('a', 'b')", concat, kString)
	join.overloads[0].rest = true
	return []entry{join,
		simple("upper", "s in upper case, character by character; ucase too.", "upper('Zoë') = 'ZOË'",
			sig(kString, upperLower(upperASCII, unicode.ToUpper), kString)),
		simple("lower", "s in lower case, character by character; lcase too.", "lower('ZOË') = 'zoë'",
			sig(kString, upperLower(lowerASCII, unicode.ToLower), kString)),
		maker("initcap", "s with the first letter of every word in upper case and the others in lower case.",
			"initcap('new YORK') = 'New York'", initcap, kString),
		maker("reverse", "The characters of s, or the elements of an array, from the last to the first.", "reverse('Zoë') = 'ëoZ'", reverse, kString),
		maker("replace", "s with every t replaced by u, for replace(s, t, u)."+textLimit, "replace('a-b', '-', '+') = 'a+b'",
			replace, kString, kString, kString),
		maker("repeat", "s n times."+textLimit, "repeat('ab', 2) = 'abab'", repeat, kString, kInt),
		maker("lpad", "s filled up to n characters with p in front, or cut to n."+textLimit, "lpad('7', 3, '0') = '007'", pad(true), kString, kInt, kString),
		maker("rpad", "s filled up to n characters with p behind, or cut to n."+textLimit, "rpad('7', 3, '-') = '7--'", pad(false), kString, kInt, kString),
		maker("split_part", "Part n (from 1, negative from the end) of s cut at every t; '' if there is none. n = 0 fails.",
			"split_part('a,b,c', ',', 2) = 'b'", splitPart, kString, kString, kInt),
		{doc: funcDoc{"concat_ws", "concat_ws(separator, s, ...)", "The strings that are not null, with the separator between." + textLimit,
			"concat_ws('-', 'a', NULL, 'b') = 'a-b'"}, min: 1, max: -1, special: compileConcatWS},
	}
}

func compileConcatWS(_ *compiler, n *Call, args []typed) (typed, *Error) {
	ops, err := coerceAll(args, kString, n.Name)
	return typed{op: &concatWSOp{args: ops}, kind: kString}, err
}
