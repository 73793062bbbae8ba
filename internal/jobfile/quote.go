package jobfile

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// flow spells a value in YAML's flow style, on one line.
func flow(v any) string {
	var parts []string
	switch v := v.(type) {
	case string:
		return quote(v)
	case []string:
		for _, s := range v {
			parts = append(parts, quote(s))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case []entries:
		for _, e := range v {
			parts = append(parts, flow(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case entries:
		for _, e := range v {
			parts = append(parts, quote(e.key)+": "+flow(e.value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return quote(fmt.Sprint(v))
}

// quote spells a text as a YAML scalar: plain where that is safe in every
// place, double-quoted otherwise. Bytes that are not UTF-8 become U+FFFD.
func quote(s string) string {
	plain := regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./+*()<>=-]*( [A-Za-z0-9_./+*()<>=-]+)*$|^[0-9]{1,18}$`)
	if plain.MatchString(s) && !word(s) {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '$' && strings.HasPrefix(s[i:], "${"):
			b.WriteString(`\x24`) // it is no reference
		case r < 0x80 && unicode.IsControl(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		case !unicode.IsPrint(r) && r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		case !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}

// word reports whether YAML, in one of its versions, would read s as something
// other than a text.
func word(s string) bool {
	switch strings.ToLower(s) {
	case "true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf":
		return true
	}
	return false
}
