package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/idag/idag/internal/letters"
	"github.com/spf13/cobra"
)

// letterFlags say which dead letters are meant.
type letterFlags struct {
	reasons []string
	name    string
	limit   int
	json    bool
	raw     bool
}

func (f *letterFlags) add(c *cobra.Command) {
	fs := c.Flags()
	fs.StringSliceVar(&f.reasons, "reason", nil, "only letters of this `reason`, such as 'late'; may be repeated")
	fs.StringVar(&f.name, "name", "", "only letters of files and partitions whose name holds this `text`")
}

// picks reports whether a letter is meant.
func (f *letterFlags) picks(l letters.Letter) bool {
	return (len(f.reasons) == 0 || slices.Contains(f.reasons, l.Reason)) && strings.Contains(l.Name, f.name)
}

func newDeadLetter(s *session) *cobra.Command {
	c := &cobra.Command{
		GroupID: groupData,
		Use:     "deadletter list|show|replay",
		Aliases: []string{"deadletters"},
		Short:   "Look at rows that could not be processed, or run them again",
		Long: `Dead letters are the rows that a job could not process, with the event as it
came, where it came from, the operation, the reason and the error. They are in the
directory that the job file's deadletter names, or --dead-letters.`,
		Example: `  idag deadletter list out/dead
  idag deadletter show out/dead --limit 3
  idag deadletter replay out/dead --job job.yaml --set out=out/again`,
		Args: noCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	for _, sub := range []*cobra.Command{newLetterList(s), newLetterShow(s), newLetterReplay(s)} {
		sub.DisableFlagsInUseLine = true
		checkWords(sub)
		c.AddCommand(sub)
	}
	return c
}

func newLetterList(s *session) *cobra.Command {
	var f letterFlags
	c := &cobra.Command{
		Use:     "list DIRECTORY [flags]",
		Short:   "Count the dead letters by reason and operation",
		Example: `  idag deadletter list out/dead`,
		Args:    exactly("a directory of dead letters"),
		RunE: func(c *cobra.Command, args []string) error {
			return s.listLetters(c.Context(), args[0], &f)
		},
	}
	f.add(c)
	c.Flags().BoolVar(&f.json, "json", false, "print one JSON object a line")
	return c
}

// letterGroup is what the letters of one reason and operation have in common.
type letterGroup struct {
	Reason    string    `json:"reason"`
	Operation string    `json:"operation"`
	Letters   int64     `json:"letters"`
	Names     int       `json:"names"` // files or partitions that they come from
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
	Error     string    `json:"error,omitempty"` // of the first

	names map[string]bool
}

func (s *session) listLetters(ctx context.Context, dir string, f *letterFlags) error {
	groups := map[[2]string]*letterGroup{}
	for l, err := range letters.Read(ctx, s.app.Kinds, dir) {
		if err != nil {
			return err
		}
		if !f.picks(l) {
			continue
		}
		g := groups[[2]string{l.Reason, l.Operation}]
		if g == nil {
			g = &letterGroup{Reason: l.Reason, Operation: l.Operation, First: l.Time, Last: l.Time, Error: l.Error, names: map[string]bool{}}
			groups[[2]string{l.Reason, l.Operation}] = g
		}
		g.Letters++
		g.names[l.Name] = true
		if l.Time.Before(g.First) {
			g.First = l.Time
		}
		if l.Time.After(g.Last) {
			g.Last = l.Time
		}
	}
	list := slices.SortedFunc(maps.Values(groups), func(a, b *letterGroup) int {
		return cmp.Or(cmp.Compare(b.Letters, a.Letters), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Operation, b.Operation))
	})
	return s.tellLetters(list, f)
}

func (s *session) tellLetters(list []*letterGroup, f *letterFlags) error {
	t := table{head: []string{"letters", "reason", "operation", "files", "an error"}}
	for _, g := range list {
		g.Names = len(g.names)
		if f.json {
			if err := writeJSON(s.io.Out, g); err != nil {
				return err
			}
			continue
		}
		t.add(thousands(g.Letters), g.Reason, shorten(g.Operation, 40), thousands(int64(g.Names)), shorten(g.Error, 60))
	}
	switch {
	case f.json:
	case len(list) == 0:
		_, err := fmt.Fprintln(s.io.Out, "no dead letters")
		return err
	default:
		t.write(s.io.Out, s.out)
	}
	return nil
}

// shorten cuts a text to so many characters.
func shorten(text string, most int) string {
	r := []rune(strings.Join(strings.Fields(text), " "))
	if len(r) <= most {
		return string(r)
	}
	return string(r[:most-1]) + "…"
}

func newLetterShow(s *session) *cobra.Command {
	var f letterFlags
	c := &cobra.Command{
		Use:   "show DIRECTORY [flags]",
		Short: "Show dead letters, with the events as they came",
		Example: `  idag deadletter show out/dead --reason 'improper ingest'
  idag deadletter show out/dead --raw --limit 0 > events.jsonl`,
		Args: exactly("a directory of dead letters"),
		RunE: func(c *cobra.Command, args []string) error {
			return s.showLetters(f.picked(letters.Read(c.Context(), s.app.Kinds, args[0])), &f)
		},
	}
	f.add(c)
	fs := c.Flags()
	fs.IntVar(&f.limit, "limit", 20, "show so many `letters`, 0 for all")
	fs.BoolVar(&f.json, "json", false, "print one JSON object a line, the original in base64")
	fs.BoolVar(&f.raw, "raw", false, "print the events only, a line each, byte for byte")
	c.MarkFlagsMutuallyExclusive("json", "raw")
	return c
}

// picked are the letters that are meant, up to the limit.
func (f *letterFlags) picked(all iter.Seq2[letters.Letter, error]) iter.Seq2[letters.Letter, error] {
	return func(yield func(letters.Letter, error) bool) {
		n := 0
		for l, err := range all {
			if err == nil && !f.picks(l) {
				continue
			}
			if n++; !yield(l, err) || n == f.limit {
				return
			}
		}
	}
}

func (s *session) showLetters(list iter.Seq2[letters.Letter, error], f *letterFlags) error {
	for l, err := range list {
		if err != nil {
			return err
		}
		switch {
		case f.json:
			err = writeJSON(s.io.Out, l)
		case f.raw:
			_, err = s.io.Out.Write(append(l.Original, '\n'))
		default:
			err = printLetter(s.io.Out, l)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// printLetter prints a letter for people.
func printLetter(w io.Writer, l letters.Letter) error {
	where := l.Name
	if l.Source >= 0 {
		where = fmt.Sprintf("%s, source %d, partition %d, offset %d", filepath.ToSlash(l.Name), l.Source, l.Partition, l.Offset)
	}
	lines := []string{fmt.Sprintf("%s in %s", l.Reason, shorten(l.Operation, 100))}
	if l.Error != "" {
		lines = append(lines, "  "+l.Error)
	}
	if where != "" {
		lines = append(lines, "  "+strings.TrimPrefix(where, ", "))
	}
	lines = append(lines, "  "+printable(l.Original))
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}

// printable spells bytes so that no terminal takes them for commands.
func printable(b []byte) string {
	const most = 500
	tail := ""
	if len(b) > most {
		b, tail = b[:most], fmt.Sprintf("… (%s bytes)", thousands(int64(len(b))))
	}
	text := fmt.Sprintf("%q", b)
	return strings.ReplaceAll(text[1:len(text)-1], `\"`, `"`) + tail
}
