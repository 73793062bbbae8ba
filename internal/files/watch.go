package files

import (
	"io/fs"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/fsnotify/fsnotify"
	"github.com/idag/idag/internal/store"
)

// watcher is told by the system of what comes into directories. It only makes
// the next look come sooner: what it misses is found by looking now and then.
type watcher struct {
	notify *fsnotify.Watcher
	dirty  atomic.Bool
	done   chan struct{}
}

// watch begins to watch the directories of paths. It returns nil where the
// system cannot.
func watch(paths []string) *watcher {
	n, err := fsnotify.NewWatcher()
	if err != nil {
		return nil
	}
	w := &watcher{notify: n, done: make(chan struct{})}
	for _, p := range paths {
		if store.IsURL(p) {
			continue
		}
		if i := strings.IndexAny(p, wild); i >= 0 {
			p = filepath.Dir(p[:i] + "x")
		}
		w.add(p)
	}
	go w.listen()
	return w
}

// maxWatched bounds the directories that are watched; the system has few watches.
const maxWatched = 1024

// add watches a directory and those below it.
func (w *watcher) add(root string) {
	_ = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || !d.IsDir():
			return nil
		case p != root && (strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_")):
			return filepath.SkipDir
		case len(w.notify.WatchList()) >= maxWatched || w.notify.Add(p) != nil:
			return filepath.SkipAll
		}
		return nil
	})
}

func (w *watcher) listen() {
	defer close(w.done)
	for {
		select {
		case e, ok := <-w.notify.Events:
			if !ok {
				return
			}
			if e.Has(fsnotify.Create) {
				w.add(e.Name) // if it is a directory
			}
			w.dirty.Store(true)
		case _, ok := <-w.notify.Errors:
			if !ok {
				return
			}
			w.dirty.Store(true)
		}
	}
}

// changed reports whether something has happened since it was last asked.
func (w *watcher) changed() bool { return w != nil && w.dirty.Swap(false) }

func (w *watcher) close() error {
	if w == nil {
		return nil
	}
	err := w.notify.Close()
	<-w.done
	return err
}
