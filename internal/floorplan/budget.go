package floorplan

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// Budget is what the source may spend. Test files and generated files are not
// counted: a table test is as long as its table.
type Budget struct {
	FileLines, FileLinesP95 int // lines of a file: of any, of 95 in 100
	FuncLines, FuncLinesP95 int // lines of a function
	Exported                int // exported top-level names of a package
	ExportedIn              map[string]int
	Methods                 int // of an interface
}

// House is the budget of this module.
func House() Budget {
	return Budget{
		FileLines: 600, FileLinesP95: 400,
		FuncLines: 70, FuncLinesP95: 45,
		Methods:  5,
		Exported: 20,
		ExportedIn: map[string]int{
			// The nouns, through which all packages meet.
			"rdd": 60,
			// What a source, a sink and a kind are, and the types of options.
			"connectors": 26,
			// The operators of a plan: a closed set, each a type that the
			// planner makes and the executor reads.
			"planner/physical": 48,
		},
	}
}

// Broken returns what exceeds the budget, one line each.
func (t *Tree) Broken(b Budget) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	var files, funcs []int
	for _, f := range t.counted() {
		files = append(files, f.Lines)
		if f.Lines > b.FileLines {
			say("%s: %d lines, limit %d", f.Path, f.Lines, b.FileLines)
		}
		for _, d := range f.syntax.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				n := t.lines(d)
				funcs = append(funcs, n)
				if n > b.FuncLines {
					say("%s: %s has %d lines, limit %d", t.at(d), d.Name.Name, n, b.FuncLines)
				}
				if d.Recv == nil && d.Name.Name == "init" {
					say("%s: init function", t.at(d))
				}
			case *ast.GenDecl:
				out = append(out, t.globals(f, d)...)
				out = append(out, t.wide(d, b.Methods)...)
			}
		}
	}
	if n := p95(files); n > b.FileLinesP95 {
		say("files: 95 in 100 have up to %d lines, limit %d", n, b.FileLinesP95)
	}
	if n := p95(funcs); n > b.FuncLinesP95 {
		say("functions: 95 in 100 have up to %d lines, limit %d", n, b.FuncLinesP95)
	}
	return append(append(out, t.crowded(b)...), t.undocumented()...)
}

// counted returns the files that the budget is about.
func (t *Tree) counted() []*File {
	return slices.DeleteFunc(slices.Clone(t.Files), func(f *File) bool { return f.Test || f.Generated })
}

func (t *Tree) lines(n ast.Node) int {
	return t.fset.Position(n.End()).Line - t.fset.Position(n.Pos()).Line + 1
}

func (t *Tree) at(n ast.Node) string {
	p := t.fset.Position(n.Pos())
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

// globals returns the package-level variables of a declaration that are
// neither sentinel errors, embedded files, assertions nor the version that the
// linker sets.
func (t *Tree) globals(f *File, d *ast.GenDecl) []string {
	if d.Tok != token.VAR || embeds(d.Doc) {
		return nil
	}
	var out []string
	for _, s := range d.Specs {
		v, ok := s.(*ast.ValueSpec)
		if !ok || embeds(v.Doc) {
			continue
		}
		for _, id := range v.Names {
			sentinel := strings.HasPrefix(id.Name, "err") || strings.HasPrefix(id.Name, "Err")
			linked := id.Name == "version" && f.syntax.Name.Name == "main"
			if id.Name != "_" && !sentinel && !linked {
				out = append(out, fmt.Sprintf("%s: package-level variable %s", t.at(id), id.Name))
			}
		}
	}
	return out
}

func embeds(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool {
		return strings.HasPrefix(c.Text, "//go:embed ")
	})
}

// wide returns the interfaces of a declaration with more than limit methods.
func (t *Tree) wide(d *ast.GenDecl, limit int) []string {
	var out []string
	for _, s := range d.Specs {
		ts, ok := s.(*ast.TypeSpec)
		if !ok {
			continue
		}
		if it, ok := ts.Type.(*ast.InterfaceType); ok && it.Methods.NumFields() > limit {
			out = append(out, fmt.Sprintf("%s: %s has %d methods, limit %d", t.at(ts), ts.Name.Name, it.Methods.NumFields(), limit))
		}
	}
	return out
}

// crowded returns the packages that export too many names.
func (t *Tree) crowded(b Budget) []string {
	count := map[string]int{}
	for _, f := range t.counted() {
		for _, d := range f.syntax.Decls {
			count[f.Dir] += exported(d)
		}
	}
	var out []string
	for _, dir := range t.Rooms() {
		limit := b.Exported
		if n, ok := b.ExportedIn[dir]; ok {
			limit = n
		}
		if count[dir] > limit {
			out = append(out, fmt.Sprintf("%s exports %d names, limit %d", dir, count[dir], limit))
		}
	}
	return out
}

// exported counts the exported top-level names of a declaration; methods belong
// to their type.
func exported(d ast.Decl) int {
	n := 0
	add := func(ids ...*ast.Ident) {
		for _, id := range ids {
			if id.IsExported() {
				n++
			}
		}
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			add(d.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				add(s.Name)
			case *ast.ValueSpec:
				add(s.Names...)
			}
		}
	}
	return n
}

// undocumented returns the packages without a package comment.
func (t *Tree) undocumented() []string {
	documented, code := map[string]bool{}, map[string]bool{}
	for _, f := range t.Files {
		code[f.Dir] = code[f.Dir] || !f.Test
		documented[f.Dir] = documented[f.Dir] || !f.Test && f.syntax.Doc != nil
	}
	var out []string
	for _, dir := range t.Rooms() {
		if code[dir] && !documented[dir] {
			out = append(out, fmt.Sprintf("%s has no package comment", dir))
		}
	}
	return out
}

// p95 returns the smallest value that at least 95 in 100 do not exceed, and 0
// for none.
func p95(values []int) int {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[(len(values)*95+99)/100-1]
}
