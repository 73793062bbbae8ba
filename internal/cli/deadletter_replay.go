package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/letters"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
	"github.com/spf13/cobra"
)

func newLetterReplay(s *session) *cobra.Command {
	var f letterFlags
	var rf runFlags
	var name string
	c := &cobra.Command{
		Use:   "replay DIRECTORY --job JOB|FILE.yaml [flags]",
		Short: "Run a job over the events of its dead letters",
		Long: `Run a job with its sources replaced by the events of its dead letters, each
once, as they came: after the job was mended, say. Where it writes must differ from
where it wrote, or append. An event that was dead-lettered behind a flatmap or in one
of several branches is run whole: what had passed comes again.

What is dead again is counted and, with --dead-letters, kept in that directory, which
must not be the one that is run again. The deadletter of the job file, with its max,
does not count here: it may name the very letters that are read.`,
		Example: `  idag deadletter replay out/dead --job job.yaml --reason 'improper ingest' --set out=out/again`,
		Args:    exactly("a directory of dead letters"),
		RunE: func(c *cobra.Command, args []string) error {
			if name == "" {
				return usage(c, fault.New(fault.Invalid, "missing --job"))
			}
			return s.replayLetters(c.Context(), args[0], name, &f, &rf)
		},
	}
	rf.add(c)
	f.add(c)
	c.Flags().StringVar(&name, "job", "", "the `job` or job file to run")
	_ = c.RegisterFlagCompletionFunc("job", s.complete) // fails only for a flag that is not there
	return c
}

func (s *session) replayLetters(ctx context.Context, dir, name string, f *letterFlags, rf *runFlags) (err error) {
	if err := apart(dir, rf.deadLetters); err != nil {
		return err
	}
	job, err := s.job(name, &rf.jobFlags)
	if err != nil {
		return err
	}
	plan, err := s.app.Engine.Compile(ctx, job, engine.Config{Kinds: s.app.Kinds})
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "idag-letters-")
	if err != nil {
		return fault.Wrap(fault.Invalid, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	u := &unsent{dir: tmp, plan: plan, files: map[string]*bufio.Writer{}, seen: map[[3]int64]bool{}}
	for l, err := range letters.Read(ctx, s.app.Kinds, dir) {
		if err == nil && f.picks(l) {
			err = u.add(l)
		}
		if err != nil {
			return errors.Join(err, u.close())
		}
	}
	if err := u.close(); err != nil {
		return err
	}
	if len(u.seen) == 0 {
		return fault.New(fault.Invalid, "%s: no dead letter to run again", dir)
	}
	at := 0
	again, err := withSources(job, func(r rdd.Read) (*rdd.Read, error) {
		at++
		return u.read(at-1, r)
	})
	if err != nil {
		return err
	}
	again.Dead = rdd.DeadLetters{}
	return s.runAndTell(ctx, again, rf)
}

// apart refuses to keep new dead letters among those that are run again: a
// reader of both would take them for one run's.
func apart(old, kept string) error {
	if kept == "" {
		return nil
	}
	from, err := resolved(old)
	if err != nil {
		return err
	}
	to, err := resolved(kept)
	if err != nil {
		return err
	}
	if rel, err := filepath.Rel(from, to); err == nil && filepath.IsLocal(rel) {
		return fault.New(fault.Invalid, "--dead-letters %s: these are the dead letters that are run again; name another directory", kept)
	}
	return nil
}

// resolved is the absolute path of a directory without links. What is not there
// yet has none.
func resolved(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fault.Wrap(fault.Invalid, err)
	}
	for there, rest := abs, ""; ; there, rest = filepath.Dir(there), filepath.Join(filepath.Base(there), rest) {
		if whole, err := filepath.EvalSymlinks(there); err == nil {
			return filepath.Join(whole, rest), nil
		}
		if there == filepath.Dir(there) {
			return abs, nil
		}
	}
}

// unsent writes the events of letters to files that the job's sources can read.
type unsent struct {
	dir   string
	plan  *planner.Plan
	open  []*os.File
	files map[string]*bufio.Writer
	seen  map[[3]int64]bool // source, partition and offset
}

// add writes a letter's event, once.
func (u *unsent) add(l letters.Letter) error {
	key := [3]int64{l.Source, l.Partition, l.Offset}
	switch {
	case u.seen[key] || l.Source < 0: // a group is what became of events, none itself
		return nil
	case l.Source >= int64(len(u.plan.Reads)):
		return fault.New(fault.Invalid, "a dead letter is of source %d; the job has %d: it is not of this job", l.Source, len(u.plan.Reads))
	}
	u.seen[key] = true
	w, err := u.file(l)
	if err != nil {
		return err
	}
	if _, err = w.Write(append(bytes.TrimRight(l.Original, "\r\n"), '\n')); err != nil {
		return fault.New(fault.Retry, "dead letters: %w", err)
	}
	return nil
}

// file opens the file for the events of a letter's file. A CSV file begins as
// the original does, with the header.
func (u *unsent) file(l letters.Letter) (*bufio.Writer, error) {
	read, _ := u.plan.Ops[u.plan.Reads[l.Source]].Dataset.Op().(rdd.Read)
	name := filepath.Join(u.dir, fmt.Sprint(l.Source), fmt.Sprint(l.Partition), "letters.json")
	if isText(read.Connector) {
		name = filepath.Join(filepath.Dir(name), keyDirs(l.Name, read), unpacked(filepath.Base(l.Name)))
	}
	if w := u.files[name]; w != nil {
		return w, nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return nil, fault.Wrap(fault.Invalid, err)
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err)
	}
	u.open = append(u.open, f)
	w := bufio.NewWriter(f)
	u.files[name] = w
	if read.Connector == "csv" && read.Options["header"] != false {
		line, err := headerOf(l.Name)
		if err != nil {
			return nil, fault.New(fault.Invalid, "the header of the dead letters of %s is needed: %w", l.Name, err)
		}
		_, _ = w.Write(append(line, '\n')) // shows at Flush
	}
	return w, nil
}

// isText reports whether letters of a connector hold the lines of its files.
func isText(connector string) bool { return connector == "json" || connector == "csv" }

// unpacked is the name of a file without the ending of what packed it.
func unpacked(name string) string {
	switch ext := filepath.Ext(name); ext {
	case ".gz", ".zst", ".bz2":
		return name[:len(name)-len(ext)]
	}
	return name
}

func headerOf(path string) (line []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	line, err = bufio.NewReaderSize(f, 1<<16).ReadSlice('\n')
	return bytes.TrimRight(bytes.Clone(line), "\r\n"), err
}

func (u *unsent) close() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(u.files)) {
		errs = append(errs, u.files[name].Flush())
	}
	for _, f := range u.open {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// read is the Read that gives the events of a source's letters: the source's own
// connector where the letters hold its lines, else one for the columns that they
// hold. A source without letters has no rows.
func (u *unsent) read(source int, r rdd.Read) (*rdd.Read, error) {
	dir := filepath.Join(u.dir, fmt.Sprint(source))
	if _, err := os.Stat(dir); err != nil {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return nil, fault.Wrap(fault.Invalid, err)
		}
		if err := os.WriteFile(filepath.Join(dir, "none.json"), nil, 0o666); err != nil {
			return nil, fault.Wrap(fault.Invalid, err)
		}
		r.Connector = ""
	}
	op, _ := u.plan.Ops[u.plan.Reads[source]].Dataset.Op().(rdd.Read)
	if !isText(r.Connector) {
		return &rdd.Read{Connector: "json", Options: rdd.Options{"path": dir, "schema": letters.DDL(op.Schema)}}, nil
	}
	o := maps.Clone(r.Options)
	o["path"] = dir
	delete(o, "follow")
	if text, _ := o["schema"].(string); text == "" { // what a few letters look like is not what the files did
		o["schema"] = letters.DDL(ownColumns(op, dir))
	}
	return &rdd.Read{Connector: r.Connector, Options: o}, nil
}

// keyDirs are the key=value directories of a file that make columns, which the
// events have again below directories of the same names.
func keyDirs(name string, op rdd.Read) string {
	var out []string
	for _, d := range strings.Split(filepath.ToSlash(filepath.Dir(name)), "/") {
		if k, ok := keyOf(d); ok && op.Schema.HasField(k) {
			out = append(out, d)
		}
	}
	if fmt.Sprint(op.Options["hive_partitioning"]) == "false" {
		return ""
	}
	return filepath.Join(out...)
}

// keyOf is the column that a directory called key=value makes.
func keyOf(dir string) (string, bool) {
	k, _, ok := strings.Cut(dir, "=")
	if plain, err := url.PathUnescape(k); err == nil {
		k = plain
	}
	return k, ok && k != ""
}

// ownColumns are the columns that the lines of a source hold: not those that the
// directories below dir and the option filename make.
func ownColumns(op rdd.Read, dir string) *arrow.Schema {
	made := map[string]bool{fmt.Sprint(op.Options["filename"]): op.Options["filename"] != nil}
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error { // it was made just now
		if err == nil && d.IsDir() {
			k, ok := keyOf(d.Name())
			made[k] = made[k] || ok
		}
		return nil
	})
	own := slices.DeleteFunc(slices.Clone(op.Schema.Fields()), func(f arrow.Field) bool { return made[f.Name] })
	return arrow.NewSchema(own, nil)
}
