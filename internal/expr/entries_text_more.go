package expr

import "strings"

func encodingEntries() []entry {
	text := func(name, doc, example string, f textMaker, params ...kind) entry {
		return simple(name, doc, example, sig(kString, textRows(f), params...))
	}
	either := func(e entry) entry { // strings and binary
		own := e.overloads[0]
		own.params = append([]kind{kBinary}, own.params[1:]...)
		e.overloads = append(e.overloads, own)
		return e
	}
	bytes := func(name, doc, example string, f func([]byte, string) ([]byte, bool)) entry {
		return simple(name, doc, example, sig(kBinary, textRows(textMap(f)), kString))
	}
	hexes := either(text("hex", "The bytes of a string, or a bigint, in hexadecimal digits.", "hex('Ab') = '4162' AND hex(255) = 'FF'", textMap(sure(appendHex)), kString))
	hexes.overloads = append(hexes.overloads, sig(kString, textRows(hexInt), kInt))
	return []entry{hexes,
		bytes("unhex", "The bytes that hexadecimal digits stand for; other text fails.", "unhex('4162') = 'Ab'::binary", unhex),
		either(text("base64", "The bytes in base 64.", "base64('abc') = 'YWJj'", textMap(sure(appendBase64)), kString)),
		bytes("unbase64", "The bytes that base 64 stands for, padded or not; other text fails.", "unbase64('YWJj') = 'abc'::binary", unbase64),
		either(text("md5", "The MD5 digest in hexadecimal digits.", "md5('') = 'd41d8cd98f00b204e9800998ecf8427e'", textMap(sure(appendMD5)), kString)),
		either(text("sha1", "The SHA-1 digest in hexadecimal digits; sha too.", "sha1('') = 'da39a3ee5e6b4b0d3255bfef95601890afd80709'", textMap(sure(appendSHA1)), kString)),
		either(text("sha2", "The SHA-2 digest of 224, 256 (0 too), 384 or 512 bits in hexadecimal digits; other lengths fail.",
			"left(sha2('', 256), 8) = 'e3b0c442'", sha2, kString, kInt)),
		either(simple("crc32", "The CRC-32 checksum.", "crc32('Spark') = 1557323817", sig(kInt, textInts(crc32Of), kString))),
		text("bin", "A bigint in binary digits, negative ones in two's complement.", "bin(10) = '1010'", binInt, kInt),
		text("conv", "A number, as text, of one base in another, 2 to 36; a negative target base gives a signed number. Bad bases and what takes more than 64 bits fail.",
			"conv('ff', 16, 10) = '255'", conv, kString, kInt, kInt),
		text("url_encode", "s as a part of an URL.", "url_encode('a b&c') = 'a+b%26c'", textMap(sure(appendURL)), kString),
		text("url_decode", "The text that a part of an URL stands for; a bad escape fails.", "url_decode('a+b%26c') = 'a b&c'", textMap(unescapeURL), kString),
		simple("ascii", "The code point of the first character; 0 for ''.", "ascii('A') = 65", sig(kInt, textInts(ascii), kString)),
		text("chr", "The character of the code n % 256; '' for negative n. char too.", "chr(65) = 'A'", chr, kInt),
	}
}

func wordEntries() []entry {
	text := func(name, doc, example string, f textMaker, params ...kind) entry {
		return simple(name, doc, example, sig(kString, textRows(f), params...))
	}
	put := text("overlay", "s with n characters from position p on replaced by t, for overlay(s, t, p[, n]); without n as many as t has."+textLimit,
		"overlay('Spark SQL', 'ANSI ', 7, 0) = 'Spark ANSI SQL'", overlay, kString, kString, kInt)
	put.overloads = append(put.overloads, sig(kString, textRows(overlay), kString, kString, kInt, kInt))
	return []entry{put,
		text("btrim", "s without characters of t at both ends, for btrim(s, t).", "btrim('xxaxx', 'x') = 'a'", trimBy(strings.Trim), kString, kString),
		text("space", "n spaces."+textLimit, "space(2) = '  '", space, kInt),
		text("translate", "s with each character of t replaced by that at its place in u, or dropped, for translate(s, t, u)."+textLimit,
			"translate('AaBbCc', 'abc', '12') = 'A1B2C'", translate, kString, kString, kString),
		text("substring_index", "What stands before the n-th t in s, or behind the n-th from the end for negative n, for substring_index(s, t, n); all of s if there are fewer.",
			"substring_index('www.x.org', '.', 2) = 'www.x'", substringIndex, kString, kString, kInt),
		simple("locate", "Where t first occurs in s from position p on, for locate(t, s, p); 0 if it does not. Without p it is position.", "locate('a', 'banana', 3) = 4",
			sig(kInt, textInts(func(sub, s string) int64 { return position(s, sub) }), kString, kString), sig(kInt, locate, kString, kString, kInt)),
		simple("levenshtein", "How many characters to insert, drop or replace to make one string the other; more than 2000 characters each fail.",
			"levenshtein('kitten', 'sitting') = 3", sig(kInt, levenshtein, kString, kString)),
		text("soundex", "The Soundex code of a word.", "soundex('Miller') = 'M460'", textMap(sure(soundex)), kString),
		text("format_number", "x with n digits behind the point and commas at thousands; n below 0 or above 300 fails.", "format_number(12332.123456, 4) = '12,332.1235'",
			formatNumber, kFloat, kInt),
		simple("find_in_set", "The place of s, from 1, in a list with commas; 0 if it is not there.", "find_in_set('b', 'a,b,c') = 2", sig(kInt, textInts(findInSet), kString, kString)),
		simple("octet_length", "Number of bytes.", "octet_length('Zoë') = 4", sig(kInt, textInts(func(s, _ string) int64 { return int64(len(s)) }), kString),
			sig(kInt, textInts(func(s, _ string) int64 { return int64(len(s)) }), kBinary)),
		simple("bit_length", "Number of bits.", "bit_length('ab') = 16", sig(kInt, textInts(func(s, _ string) int64 { return int64(len(s)) * 8 }), kString),
			sig(kInt, textInts(func(s, _ string) int64 { return int64(len(s)) * 8 }), kBinary)),
	}
}
