package bypass

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// Sizes of the data set of a stated volume.
const (
	groupRows    = 131_072
	folderFiles  = 900       // files of one folder: devices that send at the same time
	sampleRows   = 2 * 65536 // of the file that says how large rows are, at the most
	allMeters    = 10_000    // of a data set
	guessedBytes = 27        // of a row, in Snappy-compressed Parquet
	spare        = 1.1       // disk that must be there for a byte of the volume
)

// volume is a data set of stated size: folders of files, each folder the events
// of some days after those of the folder before.
type volume struct {
	dir     string
	files   int
	rows    int64 // of a file
	folders int
	bytes   int64 // of all files, as they are
	total   int64 // rows of all files
}

// events returns a data set of so many events in four files of equal row groups,
// made once for each mix.
func (l *lab) events(ctx context.Context, mix string, rows int64) (string, error) {
	key := fmt.Sprint("events", suffix(mix), "-", rows)
	if dir := l.data[key]; dir != "" {
		return dir, nil
	}
	const files = 4
	file := (rows + files - 1) / files
	groups := max((file+groupRows-1)/groupRows, 4)
	dir := filepath.Join(l.dir, key)
	l.say("making %d events, mix %s", rows, mix)
	o := rdd.Options{"rows": rows, "seed": l.set.Seed, "mix": mix, "partitions": int64(files)}
	err := l.Generate(ctx, dir, o, int(max(1, (file+groups-1)/groups)), func() {})
	if err == nil {
		l.data[key] = dir
	}
	return dir, err
}

// volume returns the data set of the stated volume. What is there of it already
// is not made again.
func (l *lab) volume(ctx context.Context, mix string) (*volume, error) {
	v := &volume{files: l.set.Files}
	home := l.set.Keep
	if home == "" {
		home = l.dir
	}
	per, err := l.rowBytes(ctx, mix, l.set.Bytes/int64(l.set.Files))
	if err != nil {
		return nil, err
	}
	v.rows = max(1, int64(float64(l.set.Bytes)/float64(l.set.Files)/per))
	v.dir = filepath.Join(home, fmt.Sprintf("meter%s-%d-files-of-%d-seed-%d", suffix(mix), v.files, v.rows, l.set.Seed))
	have, err := size(v.dir)
	if err != nil {
		return nil, err
	}
	if err := room(home, l.set.Bytes-have); err != nil {
		return nil, err
	}
	l.say("%d files of %d events, about %s, in %s", v.files, v.rows, bytesText(l.set.Bytes), v.dir)
	if err := l.fill(ctx, v, mix); err != nil {
		return nil, err
	}
	v.total = v.rows * int64(v.files)
	v.bytes, err = size(v.dir)
	return v, err
}

// fill makes the files of a data set that are not there yet.
func (l *lab) fill(ctx context.Context, v *volume, mix string) error {
	start := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	var mu sync.Mutex
	done, last := 0, time.Now()
	for at := 0; at < v.files; at += folderFiles {
		n := min(folderFiles, v.files-at)
		o := rdd.Options{"rows": v.rows * int64(n), "seed": l.set.Seed + int64(v.folders), "mix": mix, "partitions": int64(n),
			"start": start.AddDate(0, 0, 4*v.folders).Format(time.RFC3339)}
		err := l.Generate(ctx, filepath.Join(v.dir, fmt.Sprintf("%03d", v.folders)), o, groupRows, func() {
			mu.Lock()
			defer mu.Unlock()
			if done++; done == v.files || time.Since(last) > time.Second {
				last = time.Now()
				l.say("%d of %d files", done, v.files)
			}
		})
		if err != nil {
			return err
		}
		v.folders++
	}
	return nil
}

// rowBytes measures how many bytes a row takes in files of about the given size:
// in one file of as many meters as each has.
func (l *lab) rowBytes(ctx context.Context, mix string, file int64) (float64, error) {
	rows := min(max(file/guessedBytes, 1), sampleRows)
	dir := filepath.Join(l.dir, "sample"+suffix(mix))
	defer func() { _ = os.RemoveAll(dir) }()
	o := rdd.Options{"rows": rows, "seed": l.set.Seed, "mix": mix, "partitions": int64(1),
		"meters": int64(max(allMeters/min(l.set.Files, folderFiles), 1))}
	if err := l.Generate(ctx, dir, o, groupRows, func() {}); err != nil {
		return 0, err
	}
	n, err := size(dir)
	return float64(n) / float64(rows), err
}

// paths are the first files of a data set: whole folders, as a pattern a folder.
func (v *volume) paths(files int) []any {
	var out []any
	for f := 0; f < v.folders && files > 0; f++ {
		dir := filepath.Join(v.dir, fmt.Sprintf("%03d", f))
		if in := min(folderFiles, v.files-f*folderFiles); files >= in {
			out = append(out, dir)
			files -= in
			continue
		}
		for i := range files {
			out = append(out, filepath.Join(dir, fmt.Sprintf("part-%04d.parquet", i)))
		}
		files = 0
	}
	return out
}

// size sums up the Parquet files below a directory, which need not be there.
func size(dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		switch {
		case os.IsNotExist(err):
			return nil
		case err != nil || d.IsDir() || filepath.Ext(path) != ".parquet":
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	return n, fault.Wrap(fault.Retry, err)
}

// room refuses to fill a disk.
func room(dir string, bytes int64) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fault.Wrap(fault.Invalid, err)
	}
	free, known := freeBytes(dir)
	if need := int64(float64(max(bytes, 0)) * spare); known && need > free {
		return fault.New(fault.Invalid, "the data set takes %s and %s has %s free: give another directory with --path, or less with --bytes",
			bytesText(need), dir, bytesText(free))
	}
	return nil
}

// bytesText spells a size: 8.6 GB.
func bytesText(n int64) string {
	for _, u := range []struct {
		size float64
		name string
	}{{1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}} {
		if float64(n) >= u.size {
			return fmt.Sprintf("%.3g %s", float64(n)/u.size, u.name)
		}
	}
	return fmt.Sprintf("%d B", n)
}
