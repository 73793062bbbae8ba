package connectors

import (
	"fmt"
	"slices"
	"strings"
)

// Markdown documents every kind of the registry from its own description: what
// it is, its options, its examples. It is the whole of docs/connectors.md.
func (r Registry) Markdown() string {
	var b strings.Builder
	b.WriteString("# Connectors\n\nGenerated from the connectors' own descriptions: do not edit.\n\n" +
		"In an option `${NAME}`, of capital letters, digits and underscores, is a variable of the environment, unless the job has one of that name. " +
		"What comes from the environment is shown nowhere: plans, digests and the ledger hold the reference, messages say `***`.\n\n")
	b.WriteString("| connector | reads | writes | |\n| --- | --- | --- | --- |\n")
	for _, n := range r.Names() {
		k := r.kinds[n]
		first, _, _ := strings.Cut(k.Doc, "\n\n")
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s |\n", n, n, yes(k.Source != nil), yes(k.Sink != nil), cell(sentence(first)))
	}
	for _, n := range r.Names() {
		b.WriteString("\n" + r.kinds[n].Markdown())
	}
	return b.String()
}

// Markdown documents the kind.
func (k Kind) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s\n", k.Name, k.Doc)
	if len(k.Fields) > 0 {
		b.WriteString("\n| option | type | default | |\n| --- | --- | --- | --- |\n")
	}
	for _, f := range k.Fields {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Name, f.kindOf(), f.byDefault(), cell(f.describe()))
	}
	if m := k.shortForms(); m != "" {
		b.WriteString("\n" + m + "\n")
	}
	for _, e := range k.Examples {
		fmt.Fprintf(&b, "\n%s:\n\n```yaml\n%s\n```\n", e.Title, strings.Trim(e.YAML, "\n"))
	}
	return b.String()
}

func (k Kind) shortForms() string {
	var forms []string
	if m := k.Main(Reading); m != "" && k.Source != nil {
		forms = append(forms, fmt.Sprintf("`read: {%s: X}` means `read: {%s: {%s: X}}`.", k.Name, k.Name, m))
	}
	if m := k.Main(Writing); m != "" && k.Sink != nil {
		forms = append(forms, fmt.Sprintf("`write: {%s: X}` means `write: {%s: {%s: X}}`.", k.Name, k.Name, m))
	}
	return strings.Join(forms, " ")
}

func (f Field) kindOf() string {
	if f.Enum == nil {
		return string(f.Type)
	}
	quoted := make([]string, len(f.Enum))
	for i, e := range f.Enum {
		quoted[i] = "`" + e + "`"
	}
	return strings.Join(quoted, ", ")
}

func (f Field) byDefault() string {
	switch v := f.Default.(type) {
	case nil:
		if f.Required {
			return "required"
		}
		return ""
	case []string:
		return "`" + strings.Join(v, ", ") + "`"
	default:
		return fmt.Sprintf("`%v`", v)
	}
}

func (f Field) describe() string {
	if f.Secret {
		f.Doc += " A secret: it is shown nowhere."
		f.Secret = false
		return f.describe()
	}
	switch f.For {
	case Reading:
		return "Reading only. " + f.Doc
	case Writing:
		return "Writing only. " + f.Doc
	}
	return f.Doc
}

// sentence returns the first sentence of a text.
func sentence(s string) string {
	if i := strings.Index(s, ". "); i >= 0 {
		return s[:i+1]
	}
	return s
}

// cell makes a text fit a table's cell.
func cell(s string) string {
	return strings.ReplaceAll(strings.Join(slices.Collect(strings.FieldsSeq(s)), " "), "|", `\|`)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}
