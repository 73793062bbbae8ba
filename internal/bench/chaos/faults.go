package chaos

import (
	"context"
	"syscall"
	"time"

	"github.com/idag/idag/internal/bench/rig"
)

// Kind is what is done to a node.
type Kind string

// What is done to nodes.
const (
	Kill        Kind = "kill"         // an executor by SIGKILL, and started again
	Pause       Kind = "pause"        // an executor is stopped for longer than the gossip waits for it, and goes on
	Slow        Kind = "slow"         // an executor has a tenth of the time
	Cut         Kind = "cut"          // nothing reaches a node
	Delay       Kind = "delay"        // whatever reaches a node is late; where links cannot do that, they are cut
	Half        Kind = "half"         // calls reach a node and gossip does not; of wires: what the node sends reaches nobody
	Disk        Kind = "disk"         // an executor has no room on disk for what memory has no room for
	HomeDisk    Kind = "home_disk"    // the drivers' home is full; where nobody may mount, it is an executor's disk
	OutDisk     Kind = "out_disk"     // so is the disk of what is published
	DriverKill  Kind = "driver_kill"  // the driver by SIGKILL, and started again to stand by
	DriverPause Kind = "driver_pause" // the driver is stopped for longer than its lease, and goes on
	Skew        Kind = "skew"         // the driver by SIGKILL, and started again with a clock that is wrong by up to a day
)

// Kinds returns all kinds, in the order of reports.
func Kinds() []Kind {
	return []Kind{Kill, Pause, Slow, Cut, Half, Delay, Disk, HomeDisk, OutDisk, DriverKill, DriverPause, Skew}
}

// weighted are the kinds as often as they are drawn.
func weighted() []Kind {
	return []Kind{Kill, Kill, Kill, Kill, Pause, Pause, Slow, Slow, Cut, Cut, Cut, Half, Half, Delay, Delay, Disk, Disk,
		HomeDisk, HomeDisk, OutDisk, OutDisk, DriverKill, DriverKill, DriverPause, Skew, Skew}
}

// inject does one thing after the other to nodes that nothing is done to yet, until the
// job has ended or it has done enough.
func (r *run) inject(ctx context.Context) {
	for n := 0; n < r.faults; {
		if !rest(ctx, r.between(100, 900)) {
			return
		}
		kinds := weighted()
		kind := kinds[r.rand.IntN(len(kinds))]
		if kind == Delay && !r.rig.CanDelay() {
			kind = Cut
		}
		if (kind == HomeDisk || kind == OutDisk) && !r.disks.shared() {
			kind = Disk
		}
		if r.following().Batch() < 1 {
			continue // the job has not begun
		}
		node := r.pick(kind)
		if node == nil {
			continue
		}
		n++
		r.mu.Lock()
		r.got.Faults[kind]++
		r.mu.Unlock()
		r.tell("%s %s, behind batch %d", kind, node.Name, r.following().Batch())
		do := r.fault(kind, node)
		r.under.Go(func() {
			do(ctx)
			r.mu.Lock()
			defer r.mu.Unlock()
			delete(r.hurt, node)
		})
		began := time.Now()
		r.under.Go(func() { r.watch(ctx, kind, began) })
	}
}

// watch measures how long it takes until the job goes on.
func (r *run) watch(ctx context.Context, kind Kind, began time.Time) {
	took, ok := r.following().Recovers(ctx, began)
	if !ok {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got.Recovered[kind] = append(r.got.Recovered[kind], took)
}

// pick chooses a node for a fault and marks it, or returns nil: one executor is left
// alone, and the driver unless another one stands by.
func (r *run) pick(kind Kind) *rig.Node {
	r.mu.Lock()
	defer r.mu.Unlock()
	if disk := r.shared[kind]; disk != nil {
		if r.hurt[disk] {
			return nil
		}
		r.hurt[disk] = true
		return disk
	}
	drivers := kind == DriverKill || kind == DriverPause || kind == Skew || (kind == Cut || kind == Half || kind == Delay) && r.rand.IntN(4) == 0
	var may []*rig.Node
	switch {
	case !drivers:
		may = r.rig.Executors()
	case r.ready():
		may = []*rig.Node{r.rig.Driver()}
	}
	hurt := 0
	var free []*rig.Node
	for _, n := range may {
		if r.hurt[n] {
			hurt++
		} else if n.Running() {
			free = append(free, n)
		}
	}
	if len(free) == 0 || !drivers && hurt >= nodes-1 {
		return nil
	}
	n := free[r.rand.IntN(len(free))]
	r.hurt[n] = true
	return n
}

// ready reports whether a driver stands by to whom nothing is done. The caller has the lock.
func (r *run) ready() bool {
	standby := false
	for _, d := range r.rig.Drivers() {
		if r.hurt[d] {
			return false
		}
		standby = standby || d.StandsBy()
	}
	return standby
}

// fault is what is done. What it draws is drawn at once.
func (r *run) fault(kind Kind, n *rig.Node) func(context.Context) {
	switch kind {
	case Kill, DriverKill:
		down := r.between(0, 600)
		return func(ctx context.Context) {
			n.Kill()
			rest(ctx, down)
			r.again(ctx, n)
		}
	case Skew:
		down, by := r.between(0, 600), skews()[r.rand.IntN(len(skews()))]
		return func(ctx context.Context) {
			n.Kill()
			n.Skew(by)
			rest(ctx, down)
			r.again(ctx, n)
		}
	case Half:
		return r.forAWhile(r.between(200, 3000), n.Link.Half, n.Link.Heal)
	case Pause:
		return r.stopped(n, r.between(2200, 3500))
	case DriverPause:
		return r.stopped(n, r.between(3500, 4500))
	case Slow:
		return slow(n, r.between(500, 1500))
	case Cut:
		return r.forAWhile(r.between(200, 3000), n.Link.Cut, n.Link.Heal)
	case Delay:
		late := r.between(5, 60)
		return r.forAWhile(r.between(500, 2000), func() error { return n.Link.Delay(late) }, n.Link.Heal)
	case Disk, HomeDisk, OutDisk:
		return r.forAWhile(r.between(300, 2000), func() error { return r.disks.fill(n.Name) }, func() error { return r.disks.free(n.Name) })
	}
	return func(context.Context) {}
}

// skews is by how much clocks are wrong.
func skews() []time.Duration {
	return []time.Duration{-24 * time.Hour, -10 * time.Minute, -3 * time.Second, 0, 3 * time.Second, 10 * time.Minute, 24 * time.Hour}
}

// forAWhile does something that is undone after a while.
func (r *run) forAWhile(long time.Duration, do, undo func() error) func(context.Context) {
	return func(ctx context.Context) {
		r.check(do())
		rest(ctx, long)
		r.check(undo())
	}
}

// check keeps the first error of the machinery: the run then says nothing.
func (r *run) check(err error) {
	if err == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken == nil {
		r.broken = err
	}
}

// stopped stops a node for a while. A driver whose term is over then may end by itself.
func (r *run) stopped(n *rig.Node, long time.Duration) func(context.Context) {
	return func(ctx context.Context) {
		n.Signal(syscall.SIGSTOP)
		rest(ctx, long)
		n.Signal(syscall.SIGCONT)
		rest(ctx, time.Second)
		r.again(ctx, n)
	}
}

// slow lets a node run a tenth of the time.
func slow(n *rig.Node, long time.Duration) func(context.Context) {
	return func(ctx context.Context) {
		for end := time.Now().Add(long); time.Now().Before(end) && ctx.Err() == nil; {
			n.Signal(syscall.SIGSTOP)
			rest(ctx, 45*time.Millisecond)
			n.Signal(syscall.SIGCONT)
			rest(ctx, 5*time.Millisecond)
		}
	}
}

// again starts a node until it runs; a node that runs is left alone.
func (r *run) again(ctx context.Context, n *rig.Node) {
	for ctx.Err() == nil {
		err := n.Start(ctx)
		if err == nil {
			return
		}
		r.tell("%v", err)
		rest(ctx, 200*time.Millisecond)
	}
}

// between draws a time in milliseconds.
func (r *run) between(from, to int) time.Duration {
	return time.Duration(from+r.rand.IntN(to-from)) * time.Millisecond
}

// rest waits; it is false when ctx ends before.
func rest(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
