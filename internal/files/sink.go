package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/store"
	"github.com/idag/idag/rdd"
)

// Names in the directory of a sink. Readers pass over names that start with a
// dot or an underscore.
const (
	stagingDir = ".staging"
	markerFile = "_idag.json"
)

// What a sink does with a directory that holds something: the option mode.
const (
	modeError     = "error"
	modeOverwrite = "overwrite"
	modeAppend    = "append"
)

// Env is what a source or a sink is opened with besides its options: that of
// connectors.Env which concerns files.
type Env struct {
	State     string        // directory, for a source; "" where nothing can be resumed
	Schema    *arrow.Schema // of a source whose run goes on: what it was at first, or nil
	Job       string
	Labels    []string
	Resume    bool
	Published bool
	Run       int64
	Ledger    string // the flag that chooses a ledger, for advice; "" where there is none
	Desk      string // name of the staging directory, where several sinks share it
	Stages    bool   // this one publishes nothing and stages into that of another
	Schemas   map[int]*arrow.Schema
	Mem       memory.Allocator
	Point     func(string) // told of the middle of a publication, for tests; may be nil
}

// Sink writes files below one directory, one label a file, and publishes a batch
// of them at once. It has the methods of connectors.Sink, which may be called at
// the same time. What is staged lies in a directory of this
// sink's own below .staging, which it holds a lock on for as long as it lives.
// All methods may be called at the same time.
type Sink struct {
	root    string   // a directory, or a URL in object storage
	home    string   // where batches appear: the root or, in mode append, a directory of the run
	desk    string   // below which parts are staged: the root, but for object storage
	own     string   // this sink's staging directory
	objects *objects // nil on a disk
	lock    *os.File // nil where another sink holds it
	prefix  string   // of names of files, where several sinks stage into the directory
	mode    string
	encoder Encoder
	env     Env
	staged  atomic.Int64 // files so far, for names of their own
	buffers sync.Pool    // of *bufio.Writer

	mu       sync.Mutex // of publishing
	seen     marker     // in the home when this sink was opened
	entered  bool       // the home was this run's when this sink published
	gathered map[rdd.BatchID]*gathered
}

// part is what a Staged carries: where its files lie.
type part struct {
	Files []partFile `json:"files"`
}

type partFile struct {
	Path  string `json:"path"` // below the root
	Label string `json:"label"`
	Name  string `json:"name"` // once it is published
}

// NewSink checks that the directory may be written, removes what sinks that
// died have staged, and stages below a directory of its own. The options are
// those of connectors.FileFields, checked; name is the connector's.
func NewSink(ctx context.Context, name string, o rdd.Options, env Env, enc Encoder) (*Sink, error) {
	s, err := readSettings(name, o)
	switch {
	case err != nil:
		return nil, err
	case len(s.paths) > 1:
		return nil, fault.New(fault.Invalid, "%s: a sink writes to one path, not to %d", name, len(s.paths))
	}
	if env.Mem == nil {
		env.Mem = memory.DefaultAllocator
	}
	k := &Sink{mode: s.mode, encoder: enc, env: env, gathered: map[rdd.BatchID]*gathered{}}
	if err := k.settleAt(s.paths[0]); err != nil {
		return nil, err
	}
	if err := k.open(ctx); err != nil {
		return nil, errors.Join(err, k.objects.close())
	}
	return k, nil
}

// settleAt says where the sink writes and where it stages.
func (k *Sink) settleAt(path string) error {
	places := new(Places)
	paths, err := places.Add([]string{path})
	if err != nil {
		return err
	}
	if store.IsURL(paths[0]) {
		k.objects = &objects{places: places}
		k.root, k.desk = strings.TrimRight(paths[0], "/"), localDesk()
		k.home = k.root
		if k.mode == modeAppend {
			k.home += "/" + k.apart("/")
		}
		return nil
	}
	k.root = filepath.Clean(paths[0])
	k.home, k.desk = k.root, k.root
	if k.mode == modeAppend {
		k.home = filepath.Join(k.root, k.apart(string(filepath.Separator)))
	}
	return nil
}

// apart is the directory of a run that appends.
func (k *Sink) apart(slash string) string {
	return "job=" + escape(k.env.Job) + slash + "run=" + strconv.FormatInt(k.env.Run, 10)
}

// open checks that the sink may write where it is to, and makes its staging
// directory.
func (k *Sink) open(ctx context.Context) error {
	if k.env.Stages {
		return k.join()
	}
	if k.objects != nil && k.mode == modeOverwrite {
		return fault.New(fault.Invalid, "%s: mode: overwrite is not for object storage, where nothing can be replaced as a whole "+
			"(remove what is there, give another path, or mode: append)", k.root)
	}
	if err := os.MkdirAll(k.desk, 0o777); err != nil {
		return wrapWrite(k.desk, err)
	}
	if err := k.admit(ctx); err != nil {
		return err
	}
	removeDead(filepath.Join(k.desk, stagingDir))
	return k.settle()
}

// settle makes this sink's staging directory and locks it. Before it is locked
// another sink may take it for a dead one's and remove it; then there is a next
// try.
func (k *Sink) settle() error {
	for try := 0; ; try++ {
		err := k.trySettle()
		if err == nil || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.EWOULDBLOCK) || try == 8 {
			return wrapWrite(k.desk, err)
		}
	}
}

func (k *Sink) trySettle() error {
	staging := filepath.Join(k.desk, stagingDir)
	if err := os.MkdirAll(staging, 0o777); err != nil { // the last sink to close removes it
		return err
	}
	dir, err := k.makeOwn(staging)
	if err != nil {
		return err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); err != nil {
		return errors.Join(err, lock.Close())
	}
	k.own, k.lock = dir, lock
	return nil
}

// makeOwn makes the directory of this sink, under the name that others know it by.
func (k *Sink) makeOwn(staging string) (string, error) {
	if k.env.Desk == "" {
		return makeDir(staging, "sink-")
	}
	dir := filepath.Join(staging, escape(k.env.Desk))
	err := os.Mkdir(dir, 0o777)
	if errors.Is(err, fs.ErrExist) { // of a sink that died, and is just being removed
		err = syscall.EWOULDBLOCK
	}
	return dir, err
}

// join finds the staging directory of the sink that will publish.
func (k *Sink) join() error {
	dir := filepath.Join(k.desk, stagingDir, escape(k.env.Desk))
	if _, err := os.Stat(dir); err != nil {
		return fault.New(fault.Invalid, "%s: the directory %s, where the driver expects what executors stage, is not there: "+
			"all nodes of a cluster must see the same files under %s", k.root, dir, k.desk)
	}
	k.own, k.prefix = dir, fmt.Sprintf("%08x-", rand.Uint32())
	return nil
}

// makeDir makes a directory with a name of its own. Unlike os.MkdirTemp it
// leaves the permissions to the umask, as the directory may come to be what
// readers see.
func makeDir(parent, prefix string) (string, error) {
	dir := filepath.Join(parent, fmt.Sprintf("%s%016x", prefix, rand.Uint64()))
	return dir, os.Mkdir(dir, 0o777)
}

// removeDead removes the staging directories whose sinks live no more. What
// cannot be removed stays; it is in nobody's way.
func removeDead(staging string) {
	entries, err := os.ReadDir(staging)
	if err != nil {
		return
	}
	for _, e := range entries {
		dir := filepath.Join(staging, e.Name())
		if lock, err := lockDir(dir); err == nil {
			_ = os.RemoveAll(dir)
			_ = lock.Close()
		}
	}
}

// Close removes what was staged and never published, unless that is for another sink to do.
func (k *Sink) Close() error {
	if k.env.Stages {
		return k.objects.close()
	}
	err := os.RemoveAll(k.own)
	_ = os.Remove(filepath.Join(k.desk, stagingDir)) // if it was the last
	return errors.Join(err, k.lock.Close(), k.objects.close())
}

// wrapWrite says what kind of fault it is not to be able to write p.
func wrapWrite(p string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.New(fault.Retry, "%s: the disk is full", p)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOTDIR):
		return fault.New(fault.Invalid, "%s: cannot be written: %w", p, err)
	}
	if kind := fault.Of(err); kind != fault.Bug {
		return fault.New(kind, "%s: %w", p, err)
	}
	return fault.New(fault.Retry, "%s: %w", p, err)
}
