package files

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/store"
	"github.com/idag/idag/rdd"
	"golang.org/x/sync/errgroup"
)

// uploaders is how many files of a batch are uploaded at once.
const uploaders = 8

// objects is what a sink in object storage needs besides: nothing can be renamed
// there, so files are staged on this machine's disk, uploaded under the names
// that they keep, and counted by an object that is created last.
type objects struct {
	places *Places

	mu   sync.Mutex
	sent map[string]sent // what a publication that failed has uploaded, by URL
}

// sent is a staged file that was uploaded.
type sent struct {
	from  string
	bytes int64
}

// close closes the connections.
func (o *objects) close() error {
	if o == nil {
		return nil
	}
	return o.places.Close()
}

// localDesk is where files are staged for object storage: a directory of the
// user's, as others could write into one that all share.
func localDesk() string {
	return filepath.Join(os.TempDir(), "idag-"+strconv.Itoa(os.Getuid()))
}

func markerAt(home string) string { return home + "/" + commitsDir + "/" + markerFile }

func commitOf(home string, batch rdd.BatchID) string {
	return fmt.Sprintf("%s/%s/batch=%06d", home, commitsDir, batch)
}

// readMarker reads the marker below a URL; there may be none.
func (o *objects) readMarker(ctx context.Context, home string) (m marker, err error) {
	path := markerAt(home)
	h, err := o.places.Open(ctx, path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, err
	}
	b, err := io.ReadAll(io.NewSectionReader(h, 0, h.Size))
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fault.New(fault.Invalid, "%s: cannot be read: %w", path, err)
	}
	return m, nil
}

// errFound ends a listing.
var errFound = errors.New("found")

// content returns the name of something below a URL that readers could see, or
// that a sink has begun to write there, or "".
func (o *objects) content(ctx context.Context, root string) (string, error) {
	name := ""
	err := o.places.remote.List(ctx, root+"/", func(i store.Info) error {
		name, _, _ = strings.Cut(strings.TrimPrefix(i.Path, root+"/"), "/")
		if name == "" || name[0] == '.' {
			name = ""
			return nil
		}
		return errFound
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return name, err
}

// committed is the content of the object that makes a batch whole.
type committed struct {
	marker
	Files []committedFile `json:"files"`
}

type committedFile struct {
	Path  string `json:"path"` // below the sink's place
	Bytes int64  `json:"bytes"`
}

// publishObjects uploads the files of a batch and then creates the object that
// says it is whole: the first to do so wins. Whenever the process dies, and
// whatever parts the next try brings, what an earlier one left is replaced or
// removed before.
func (k *Sink) publishObjects(ctx context.Context, c rdd.Commit, files []partFile) error {
	was, ours, err := k.check(ctx, c)
	if err != nil {
		return err
	}
	if err := k.enterObjects(ctx, c, was, ours); err != nil {
		return err
	}
	switch _, err := k.objects.places.remote.Stat(ctx, commitOf(k.home, c.Batch)); {
	case err == nil:
		k.discard(c.Batch, files)
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	record, err := k.upload(ctx, c, files)
	if err != nil {
		return err
	}
	if err := k.settleObjects(ctx, c.Batch, record); err != nil {
		return err
	}
	if k.env.Point != nil {
		k.env.Point("publish.half")
	}
	return k.commitObjects(ctx, c.Batch, record, files)
}

// commitObjects creates the object from which on readers of ours see a batch.
func (k *Sink) commitObjects(ctx context.Context, batch rdd.BatchID, record committed, files []partFile) error {
	b, err := json.Marshal(record)
	if err != nil {
		return err
	}
	if err := k.objects.places.remote.Create(ctx, commitOf(k.home, batch), bytes.NewReader(append(b, '\n'))); err != nil && !errors.Is(err, store.ErrExists) {
		return err
	}
	k.objects.forget()
	k.discard(batch, files)
	return nil
}

// enterObjects makes the home this run's. Of two runs that find it empty one
// creates the marker; the other finds that out when it checks again.
func (k *Sink) enterObjects(ctx context.Context, c rdd.Commit, was marker, ours bool) error {
	want := marker{Job: c.Job, Run: k.env.Run, Epoch: c.Epoch}
	if !ours || was != want {
		b, err := json.Marshal(want)
		if err != nil {
			return err
		}
		write := k.objects.places.remote.Put
		if !ours {
			write = k.objects.places.remote.Create
		}
		if err := write(ctx, markerAt(k.home), bytes.NewReader(append(b, '\n'))); err != nil {
			return err
		}
	}
	k.entered = true
	return nil
}

// upload uploads the files of a batch, several at once, under names that follow
// from their tasks: a second try writes the same ones.
func (k *Sink) upload(ctx context.Context, c rdd.Commit, files []partFile) (committed, error) {
	out := committed{marker: marker{Job: c.Job, Run: k.env.Run, Epoch: c.Epoch}, Files: make([]committedFile, len(files))}
	taken := map[string]bool{}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(uploaders)
	for i, f := range files {
		in := fmt.Sprintf("batch=%06d/label=%s/", c.Batch, escape(f.Label))
		to := in + f.Name
		for n := 1; taken[to]; n++ {
			to = in + another(f.Name, n)
		}
		taken[to] = true
		out.Files[i].Path = to
		g.Go(func() (err error) {
			out.Files[i].Bytes, err = k.uploadFile(ctx, f, k.home+"/"+to)
			return err
		})
	}
	return out, g.Wait()
}

func (k *Sink) uploadFile(ctx context.Context, f partFile, to string) (int64, error) {
	from := filepath.Join(k.desk, filepath.FromSlash(f.Path))
	file, err := os.Open(from)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, fault.New(fault.Lost, "%s: a staged part is gone", from)
	case err != nil:
		return 0, wrapWrite(from, err)
	}
	defer func() { _ = file.Close() }() // nothing was written
	info, err := file.Stat()
	if err != nil {
		return 0, wrapWrite(from, err)
	}
	is := sent{from: from, bytes: info.Size()}
	if k.objects.has(to, is) {
		return is.bytes, nil
	}
	if err := k.objects.places.remote.Put(ctx, to, file); err != nil {
		return 0, err
	}
	k.objects.note(to, is)
	return is.bytes, nil
}

// has reports whether a file was uploaded there by an earlier try.
func (o *objects) has(to string, s sent) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.sent[to] == s
}

func (o *objects) note(to string, s sent) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.sent == nil {
		o.sent = map[string]sent{}
	}
	o.sent[to] = s
}

// forget forgets what was uploaded: batches are published one after another.
func (o *objects) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.sent)
}

// settleObjects removes what an earlier try has uploaded of the batch that is not
// of it now, as a task has run again since, and checks that all of it is there.
func (k *Sink) settleObjects(ctx context.Context, batch rdd.BatchID, record committed) error {
	missing := make(map[string]int64, len(record.Files))
	for _, f := range record.Files {
		missing[k.home+"/"+f.Path] = f.Bytes
	}
	var strays []string
	remote := &k.objects.places.remote
	err := remote.List(ctx, fmt.Sprintf("%s/batch=%06d/", k.home, batch), func(i store.Info) error {
		switch size, ok := missing[i.Path]; {
		case !ok:
			strays = append(strays, i.Path)
		case size == i.Size:
			delete(missing, i.Path)
		}
		return nil
	})
	for _, path := range strays {
		if err == nil {
			err = remote.Delete(ctx, path)
		}
	}
	if err == nil && len(missing) > 0 {
		k.objects.forget()
		return fault.New(fault.Retry, "%s: of what was uploaded for batch %d somebody else has changed or removed %d files", k.home, batch, len(missing))
	}
	return err
}
