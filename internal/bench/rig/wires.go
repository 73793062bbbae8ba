package rig

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/idag/idag/internal/fault"
)

// wires are a network of namespaces: a switch, one for each node and one for those who
// submit jobs, each with a wire to the switch. What passes a wire is cut by taking its end
// at the switch down, and made late there and at the node, so both ways.
type wires struct {
	prefix string // of names
	hub    string
	client string
	spaces []string
	netem  bool // the kernel can make what passes late
}

// subnet is what addresses of nodes begin with; namespaces see nobody else's.
const subnet = "10.88.0."

// newWires makes a network with nobody but the client.
func newWires(name string) (*wires, error) {
	w := &wires{prefix: "idag" + strings.ToLower(name[:5])}
	w.hub = w.prefix + "-hub"
	err := w.ip("netns", "add", w.hub)
	if err == nil {
		w.spaces = append(w.spaces, w.hub)
		err = w.all([][]string{{"-n", w.hub, "link", "add", "hub", "type", "bridge"}, {"-n", w.hub, "link", "set", "hub", "up"}})
	}
	if err == nil {
		var c *wire
		if c, err = w.wire("client"); err == nil {
			w.client = c.space
			w.netem = errors.Join(c.Delay(time.Millisecond), c.Heal()) == nil
		}
	}
	if err != nil {
		w.close()
		return nil, fault.New(fault.Invalid, "network namespaces need root: %w", err)
	}
	return w, nil
}

// wire is what connects a node with the switch.
type wire struct {
	of    *wires
	space string // of the node
	host  string // its address
	end   string // of the wire, at the switch
}

// wire makes a namespace with a wire to the switch.
func (w *wires) wire(name string) (*wire, error) {
	n := len(w.spaces)
	out := &wire{of: w, space: w.prefix + "-" + name, host: fmt.Sprint(subnet, n), end: fmt.Sprint("wire", n)}
	if err := w.ip("netns", "add", out.space); err != nil {
		return nil, err
	}
	w.spaces = append(w.spaces, out.space)
	return out, w.all([][]string{
		{"-n", w.hub, "link", "add", out.end, "type", "veth", "peer", "name", "node", "netns", out.space},
		{"-n", w.hub, "link", "set", out.end, "master", "hub", "up"},
		{"-n", out.space, "addr", "add", out.host + "/24", "dev", "node"},
		{"-n", out.space, "link", "set", "node", "up"},
		{"-n", out.space, "link", "set", "lo", "up"},
	})
}

// Cut implements Link: nothing passes, either way.
func (w *wire) Cut() error { return w.of.ip("-n", w.of.hub, "link", "set", w.end, "down") }

// Half implements Link: what others send arrives, and what the node sends does not.
func (w *wire) Half() error {
	return w.of.ip("-n", w.space, "route", "add", "blackhole", subnet+"0/25")
}

// Delay implements Link.
func (w *wire) Delay(d time.Duration) error {
	late := fmt.Sprintf("%dus", d.Microseconds())
	return errors.Join(call("tc", "-n", w.of.hub, "qdisc", "replace", "dev", w.end, "root", "netem", "delay", late),
		call("tc", "-n", w.space, "qdisc", "replace", "dev", "node", "root", "netem", "delay", late))
}

// Heal implements Link. A wire that is not late, or half cut, has nothing to be removed.
func (w *wire) Heal() error {
	_ = w.of.ip("-n", w.space, "route", "del", "blackhole", subnet+"0/25")
	_ = call("tc", "-n", w.of.hub, "qdisc", "del", "dev", w.end, "root")
	_ = call("tc", "-n", w.space, "qdisc", "del", "dev", "node", "root")
	return w.of.ip("-n", w.of.hub, "link", "set", w.end, "up")
}

// close takes the network away.
func (w *wires) close() {
	for _, s := range w.spaces {
		_ = w.ip("netns", "del", s) // what is left is named after the program
	}
	w.spaces = nil
}

func (w *wires) all(list [][]string) error {
	for _, args := range list {
		if err := w.ip(args...); err != nil {
			return err
		}
	}
	return nil
}

func (w *wires) ip(args ...string) error { return call("ip", args...) }

// call runs a program of the system.
func call(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fault.New(fault.Retry, "%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
