package executor

import (
	"container/list"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/planner/work"
)

// Cache keeps what came of splits whose dataset a job caches, within a budget of
// bytes; what was not used for longest goes first. It is safe for concurrent use,
// and may be shared by executors and by runs, one after the other or at once: a
// key says all that the rows depend on.
type Cache struct {
	budget int64
	mem    memory.Allocator

	mu    sync.Mutex
	bytes int64
	used  list.List // of *cached, what was used last in front
	held  map[string]*list.Element
}

// NewCache returns an empty cache of at most so many bytes, with buffers from mem.
func NewCache(budget int64, mem memory.Allocator) *Cache {
	return &Cache{budget: budget, mem: mem, held: map[string]*list.Element{}}
}

// Close releases everything. The cache is empty then, and can be used again.
func (c *Cache) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := c.used.Front(); e != nil; e = c.used.Front() {
		c.evict(e)
	}
}

// Bytes is how much the cache holds.
func (c *Cache) Bytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}

// cached is what came of one split.
type cached struct {
	key    string
	routes [][]*chunk // by route: what left the operator behind which it is cached
	times  []work.PartTime
	bytes  int64
	counts cachedCounts
}

// cachedCounts is what was counted up to where rows are cached.
type cachedCounts struct {
	rows, tagged int64
	ops          map[work.OpLabel]work.OpCount
}

// get returns what is held under a key, or nil. The columns of its chunks are
// retained for the caller, who releases it.
func (c *Cache) get(key string) *cached {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.held[key]
	if e == nil {
		return nil
	}
	c.used.MoveToFront(e)
	held, _ := e.Value.(*cached)
	out := *held
	out.routes = make([][]*chunk, len(held.routes))
	for i, list := range held.routes {
		for _, k := range list {
			lent := *k
			for _, a := range lent.cols {
				if a != nil {
					a.Retain()
				}
			}
			out.routes[i] = append(out.routes[i], &lent)
		}
	}
	return &out
}

// put takes over what came of a split. What is larger than the whole budget, or is
// held already, is released.
func (c *Cache) put(k *cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held[k.key] != nil || k.bytes > c.budget {
		k.release()
		return
	}
	c.held[k.key] = c.used.PushFront(k)
	c.bytes += k.bytes
	for c.bytes > c.budget {
		c.evict(c.used.Back())
	}
}

func (c *Cache) evict(e *list.Element) {
	k, _ := c.used.Remove(e).(*cached)
	delete(c.held, k.key)
	c.bytes -= k.bytes
	k.release()
}

func (k *cached) release() {
	for _, list := range k.routes {
		for _, c := range list {
			c.release()
		}
	}
	k.routes = nil
}
