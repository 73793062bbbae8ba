package gossip

import (
	"context"
	"math/rand/v2"
	"net"
	"time"

	"github.com/idag/idag/internal/fault"
	"golang.org/x/sync/errgroup"
)

// lingering is the longest wait of a node that is closed.
const lingering = 2 * time.Second

// keep does what has to be done all the time: it announces what has changed, forgets
// who has long gone, and follows the key file.
func (n *Node) keep(ctx context.Context) {
	defer n.running.Done()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	before := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.tell:
			n.announce()
		case now := <-tick.C:
			n.mu.Lock()
			if n.table.forget(before, now) {
				n.ring()
			}
			n.settle(now)
			n.mu.Unlock()
			before = now
			n.follow()
		}
	}
}

// settle makes the node one that is there, and no newcomer any more: when it has been
// among others for a while and nobody has claimed its name. The caller holds mu.
func (n *Node) settle(now time.Time) {
	calm := now.Sub(n.since) > n.preset.newness && now.Sub(n.contested) > n.preset.newness
	if n.claim.settled || n.since.IsZero() || !calm || n.stance == goodbye || len(n.table.present(n.name)) == 0 {
		return
	}
	n.claim.settled, n.claim.from = true, n.since.UnixMicro()
	n.reflect()
}

// announce tells the others. It waits until the packets are out, for news push older
// ones of the same node aside.
func (n *Node) announce() {
	n.telling.Lock()
	defer n.telling.Unlock()
	if n.left {
		return
	}
	_ = n.list.UpdateNode(10 * n.preset.gossip) // what is not out by then stays to be told
}

// seek looks for the others: at the start, while alone, and for those that are missing.
// It closes first behind the first attempt.
func (n *Node) seek(ctx context.Context, first chan<- struct{}) {
	defer n.running.Done()
	tries := 0
	for turn := 0; ; turn++ {
		alone := n.attempt(ctx, turn)
		over := n.contest(ctx)
		if turn == 0 {
			close(first)
		}
		if over {
			return
		}
		tries++
		if !alone {
			tries = 0
		}
		select {
		case <-ctx.Done():
			return
		case <-n.look:
		case <-time.After(n.preset.pause(alone, tries, rand.Float64())):
		}
	}
}

// attempt looks for the others once and returns whether there are none.
func (n *Node) attempt(ctx context.Context, turn int) (alone bool) {
	finding, cancel := context.WithTimeout(ctx, n.preset.dial)
	defer cancel()
	found, failed := n.seeds.addresses(finding, n.find)
	n.mu.Lock()
	l := look{self: n.self.Gossip, present: n.table.present(n.name), seeds: found, dead: n.table.dead(), turn: turn}
	n.mu.Unlock()
	alone = len(l.present) == 0
	for _, err := range failed {
		if alone && ctx.Err() == nil {
			n.remark(err.Error())
		}
	}
	var joins errgroup.Group
	joins.SetLimit(4)
	for _, addr := range l.targets() {
		joins.Go(func() error {
			n.join(addr, alone)
			return nil
		})
	}
	_ = joins.Wait() // each has told of its own failure
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.table.present(n.name)) == 0
}

// join asks one node to be let in, if it is not known by now.
func (n *Node) join(addr string, tell bool) {
	n.mu.Lock()
	known := n.table.present(n.name)[addr]
	n.mu.Unlock()
	select {
	case <-n.ended:
		return
	default:
	}
	if known {
		return
	}
	if _, err := n.list.Join([]string{addr}); err != nil && tell {
		n.remark("cannot join " + addr + ": " + why(err))
	}
}

// contest ends the node if another one has its name and lives; it returns whether. One
// that does not answer is dead, only the others do not know yet: when they do, they let
// this one in.
func (n *Node) contest(ctx context.Context) bool {
	n.mu.Lock()
	rival := n.rival
	n.rival = ""
	n.mu.Unlock()
	if rival == "" {
		return false
	}
	addr, err := net.ResolveUDPAddr("udp", rival)
	if err != nil {
		return false
	}
	for range 3 {
		if ctx.Err() != nil {
			return true
		}
		if _, err := n.list.Ping(n.name, addr); err == nil {
			err := fault.New(fault.Invalid, "there is a node %q in the cluster already, at %s: give this one another name", n.name, rival)
			n.say(err.Error())
			n.end(err)
			return true
		}
	}
	n.remark("the former " + n.name + " at " + rival + " does not answer: waiting until the others see that it is dead")
	return false
}

// linger waits for the probe that memberlist may be at: it goes on behind a shutdown
// until its time is up, more than an interval when the node has been slow of late. One
// that is answered takes no time worth waiting for.
func (n *Node) linger() {
	probe := n.preset.probe * time.Duration(1+n.list.GetHealthScore())
	if probe > n.preset.probe {
		time.Sleep(n.preset.answer) // the probe may not yet be missed
	}
	missed := time.Unix(0, n.missed.Load())
	time.Sleep(min(lingering, time.Until(missed.Add(probe-n.preset.answer))))
}

// memo takes the lines that memberlist logs.
type memo struct{ n *Node }

func (m memo) Write(line []byte) (int, error) {
	m.n.quiet.Lock()
	text := m.n.sieve.sift(string(line))
	m.n.quiet.Unlock()
	m.n.remark(text)
	return len(line), nil
}

// remark logs a line unless it was logged a moment ago, or the node has ended.
func (n *Node) remark(line string) {
	n.quiet.Lock()
	defer n.quiet.Unlock()
	select {
	case <-n.ended:
		return
	default:
	}
	if !n.sieve.due(time.Now(), line) {
		return
	}
	if n.say(line); n.sieve.told == most {
		n.say(enough)
	}
}

// say hands a line to the log; when that does not keep up, it is dropped.
func (n *Node) say(line string) {
	if line == "" {
		return
	}
	select {
	case n.lines <- "gossip: " + line:
	default:
	}
}

// print hands lines to the log of the program, those that are left when the node ends
// as well.
func (n *Node) print(ctx context.Context, log func(string)) {
	defer n.running.Done()
	if log == nil {
		log = func(string) {}
	}
	for {
		select {
		case line := <-n.lines:
			log(line)
		case <-ctx.Done():
			for {
				select {
				case line := <-n.lines:
					log(line)
				default:
					return
				}
			}
		}
	}
}
