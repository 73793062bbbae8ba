package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
	"github.com/spf13/cobra"
)

// generateFlags say what data set to make.
type generateFlags struct {
	rows      int64
	seed      int64
	mix       string
	files     int
	groupRows int
	out       string
	set       []string
	overwrite bool
}

func (f *generateFlags) add(c *cobra.Command) {
	fs := c.Flags()
	fs.Int64Var(&f.rows, "rows", 2_000_000, "`events` to make")
	fs.Int64Var(&f.seed, "seed", 1, "`number` that the events follow from: the same gives the same")
	fs.StringVar(&f.mix, "mix", "5/15/80", "`percentages` of error, backup and information")
	fs.IntVar(&f.files, "files", 4, "`files` to write")
	fs.IntVar(&f.groupRows, "row-group-rows", 131_072, "`rows` of a row group")
	fs.StringArrayVar(&f.set, "set", nil, "another option of the generate connector; may be repeated\n(`option=value`, see 'idag connectors generate')")
}

func newGenerate(s *session) *cobra.Command {
	var f generateFlags
	c := &cobra.Command{
		GroupID: groupData,
		Use:     "generate --out DIRECTORY [flags]",
		Short:   "Write a Parquet data set of made-up events",
		Long: `Write a Parquet data set of made-up events, of smart meters if nothing else is asked
for: one file a partition, the labels mixed as they would come in. The same flags
give the same events. For electric vehicles, --set trips says how many events there
are, and files have the names of topics.`,
		Example: `  idag generate --rows 2000000 --out data/meter
  idag generate --rows 10000000 --mix 1/1/98 --seed 7 --set meters=50000 --out data/calm
  idag generate --set events=ev-fleet --set trips=30 --out data/ev`,
		Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if f.out == "" {
				return usage(c, fault.New(fault.Invalid, "missing --out"))
			}
			start := time.Now()
			set, err := s.generate(c.Context(), &f)
			if err != nil {
				return err
			}
			took := time.Since(start).Seconds()
			_, err = fmt.Fprintf(s.io.Out, "%s rows in %s (%s) in %s, %s rows/s\n", thousands(set.rows),
				count(int64(set.files), "file", "files"), bytesText(set.bytes), seconds(took), short(float64(set.rows)/took))
			return err
		},
	}
	f.add(c)
	c.Flags().StringVar(&f.out, "out", "", "the `directory` to write, which must be empty or not there yet")
	c.Flags().BoolVar(&f.overwrite, "overwrite", false, "remove the Parquet files that are in the directory")
	return c
}

// generate writes the data set that the flags ask for.
func (s *session) generate(ctx context.Context, f *generateFlags) (dataset, error) {
	o, err := f.options()
	if err != nil {
		return dataset{}, err
	}
	if err := prepare(f.out, f.overwrite); err != nil {
		return dataset{}, err
	}
	w := datasetWriter{kinds: s.app.Kinds, dir: f.out, groupRows: f.groupRows, threads: runtime.GOMAXPROCS(0)}
	return w.write(ctx, "generate", o)
}

// options spells the flags as options of the generate connector.
func (f *generateFlags) options() (rdd.Options, error) {
	if f.rows < 0 || f.files < 1 || f.groupRows < 1 {
		return nil, fault.New(fault.Invalid, "--rows, --files and --row-group-rows must be positive")
	}
	o := rdd.Options{"rows": f.rows, "seed": f.seed, "mix": f.mix, "partitions": int64(f.files)}
	for _, s := range f.set {
		key, value, ok := strings.Cut(s, "=")
		if !ok {
			return nil, fault.New(fault.Invalid, "--set %q: expected option=value", s)
		}
		o[key] = value
	}
	return o, nil
}

// prepare makes the directory and sees that it holds nothing, or removes the
// Parquet files in it.
func prepare(dir string, overwrite bool) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fault.Wrap(fault.Invalid, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fault.Wrap(fault.Invalid, err)
	}
	for _, e := range entries {
		if !overwrite {
			return fault.New(fault.Invalid, "%s is not empty; --overwrite removes the Parquet files in it", dir)
		}
		if filepath.Ext(e.Name()) != ".parquet" || e.IsDir() {
			return fault.New(fault.Invalid, "%s holds %s, which is no Parquet file; nothing was removed", dir, e.Name())
		}
	}
	for _, e := range entries {
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return fault.Wrap(fault.Invalid, err)
		}
	}
	return nil
}
