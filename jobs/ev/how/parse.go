package how

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/learn/fed"
)

// setting is what holds for one node.
type setting struct{ node, value string }

// The kinds of poison.
const (
	FlipSign   = "sign"    // the difference that training made, ten times as long, the wrong way
	Noise      = "noise"   // numbers of the size of 10 at random
	NotNumbers = "nan"     // a parameter is NaN
	WrongShape = "shape"   // a parameter too many
	Future     = "version" // begun with a version that is not there yet
	Garbage    = "garbage" // bytes that are no model
)

// Parse reads the text of the options. Of the keys
//
//	participants  names between commas: who submits; all if empty
//	stale         node:rounds, by how many rounds its updates come late
//	poison        node:kind with sign, noise, nan, shape, version, garbage
//	link          node:probability of being reached in a round
//
// hold for single nodes, separated by commas. What cannot be is Invalid; of several such
// options each is told.
func Parse(text string) (How, error) {
	text = strings.Clone(text) // it may be lent, and the options are kept
	h := Defaults()
	var wrong []error
	for part := range strings.SplitSeq(text, ";") {
		key, value, _ := strings.Cut(part, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if key == "" && value == "" {
			continue
		}
		before := h
		ok, known := h.set(key, value)
		if !known {
			ok, known = h.number(key, value)
		}
		switch {
		case known && (value == "" || value == "none" || value == "all"):
			h = before // as if it were left out
		case !known:
			wrong = append(wrong, fault.New(fault.Invalid, "the job ev has no option %q", key))
		case !ok:
			wrong = append(wrong, fault.New(fault.Invalid, "the option %s of the job ev cannot be %q; expected %s", key, value, expected(key)))
		}
	}
	if len(wrong) > 0 {
		return How{}, errors.Join(wrong...)
	}
	if h.prox && h.Proximal == 0 {
		h.Proximal = 0.01
	}
	if h.Rate == 0 {
		h.Rate = map[string]float64{NN: 0.005, Logistic: 0.02, Linear: 0.01}[h.Model]
	}
	if err := h.check(); err != nil {
		return How{}, err
	}
	return h, nil
}

// expected is what an option can be, for those who gave it something else.
func expected(key string) string {
	switch key {
	case "model":
		return "nn, linear, logistic or forest"
	case "method":
		return "samples, mean, accuracy, fedavg, fedprox, fedasync:rate, fedbuff, median, trimmed:share below 0.5, or krum:faulty"
	case "optimiser":
		return "adam or descent"
	case "staleness":
		return "constant, polynomial:a or hinge:a:b"
	case "stale":
		return "node:rounds between commas, up to 1000"
	case "link":
		return "node:probability between commas"
	case "poison":
		return "node:kind between commas, of sign, noise, nan, shape, version and garbage"
	case "control":
		return "off, fixed:rounds or learned"
	case "central":
		return "off, on, or up to 1000 passes"
	case "deadline":
		return "a duration such as 10m or 1h30m"
	case "seed":
		return "a whole number"
	case "max_stale":
		return "versions, or -1 for any"
	case "epochs", "keep", "warmup":
		return "a whole number from 1"
	case "batch":
		return "rows of a step, or -1 for all"
	case "budget":
		return "a number from 0.001 to 1"
	}
	return "a number of 0 or more"
}

// set takes options that are words; ok says that the value can be.
func (h *How) set(key, value string) (ok, known bool) {
	switch key {
	case "model":
		h.Model = value
		return slices.Contains([]string{NN, Linear, Logistic, Forest}, value), true
	case "method":
		return h.method(value), true
	case "optimiser":
		h.Descent = value == "descent"
		return h.Descent || value == "adam", true
	case "staleness":
		return h.staleness(value), true
	case "participants":
		h.participants = list(value)
		return true, true
	case "stale":
		h.stale, ok = settings(value, func(v string) bool { return between(v, 0, 1000) })
		return ok, true
	case "link":
		h.link, ok = settings(value, func(v string) bool { return between(v, 0, 1) })
		return ok, true
	case "poison":
		h.poison, ok = settings(value, func(v string) bool {
			return slices.Contains([]string{FlipSign, Noise, NotNumbers, WrongShape, Future, Garbage}, v)
		})
		return ok, true
	case "control":
		name, every, _ := strings.Cut(value, ":")
		h.Control = name
		if every != "" {
			n, err := strconv.ParseInt(every, 10, 64)
			h.Every = n
			return err == nil && n > 0 && name == Fixed, true
		}
		return slices.Contains([]string{Off, Fixed, Learned}, name), true
	case "central":
		if value == "off" || value == "on" {
			h.Central = map[string]int{"off": 0, "on": 2}[value]
			return true, true
		}
		return whole(value, 0, 1000, &h.Central), true
	case "deadline":
		d, err := time.ParseDuration(value)
		h.Deadline = d.Microseconds()
		return err == nil && d >= 0, true
	}
	return false, false
}

// method reads the names of the literature, too.
func (h *How) method(name string) bool {
	name, detail, _ := strings.Cut(name, ":")
	by, ok := map[string]string{"fedavg": "samples", "fedprox": "samples", "fedasync": "samples", "fedbuff": "buffered", "vote": "samples"}[name]
	if !ok {
		by = name
	}
	h.Method.By = by
	ok = detail == ""
	switch {
	case name == "fedprox":
		h.prox = true
	case name == "fedasync":
		h.Async = 0.6
		if detail != "" {
			ok = decimal(detail, 1e-6, 1, &h.Async)
		}
	case by == "trimmed":
		h.Method.Trim = 0.25
		if detail != "" {
			ok = decimal(detail, 0, 0.49, &h.Method.Trim)
		}
	case by == "krum":
		// Three models are the least, four stand one that is poisoned no worse than
		// it can be: nodes are four.
		h.Method.Faulty = 0
		if detail != "" {
			ok = whole(detail, 0, 1<<20, &h.Method.Faulty)
		}
	}
	return ok && slices.Contains(fed.Methods(), by)
}

func (h *How) staleness(text string) bool {
	parts := strings.Split(text, ":")
	s := fed.Staleness{}
	ok := true
	switch {
	case text == "" || text == "constant":
		return true
	case parts[0] == "polynomial" && len(parts) <= 2:
		s.Kind, s.A = parts[0], 0.5
		if len(parts) == 2 {
			ok = decimal(parts[1], 0, 1e6, &s.A)
		}
	case parts[0] == "hinge" && len(parts) == 3:
		s.Kind = parts[0]
		ok = decimal(parts[1], 0, 1e6, &s.A) && decimal(parts[2], 0, 1e6, &s.B)
	default:
		return false
	}
	h.Method.Stale = s
	return ok
}

// number takes options that are numbers.
func (h *How) number(key, value string) (ok, known bool) {
	var n int
	switch key {
	case "seed":
		v, err := strconv.ParseInt(value, 10, 64)
		h.Seed = uint64(v)
		return err == nil, true
	case "epochs":
		return whole(value, 1, 100_000, &h.Epochs), true
	case "batch":
		return whole(value, -1, 1<<30, &h.Batch) && h.Batch != 0, true
	case "threshold":
		return whole(value, 0, 1<<30, &h.Threshold), true
	case "keep":
		return whole(value, 1, 1<<20, &h.Keep), true
	case "max_stale":
		ok = whole(value, -1, 1<<30, &n)
		h.MaxStale = int64(n)
		return ok, true
	case "warmup":
		ok = whole(value, 1, 1000, &n)
		h.Warmup = int64(n)
		return ok, true
	case "rate":
		return decimal(value, 0, 1e6, &h.Rate), true
	case "proximal":
		return decimal(value, 0, 1e6, &h.Proximal), true
	case "step":
		return decimal(value, 0, 1e6, &h.Step), true
	case "clip":
		return decimal(value, 0, 1e6, &h.Clip), true
	case "noise":
		return decimal(value, 0, 1e6, &h.Noise), true
	case "budget":
		return decimal(value, 0.001, 1, &h.Budget), true
	}
	return false, false
}

func whole(text string, least, most int, to *int) bool {
	n, err := strconv.Atoi(text)
	*to = n
	return err == nil && n >= least && n <= most
}

func decimal(text string, least, most float64, to *float64) bool {
	v, err := strconv.ParseFloat(text, 64)
	*to = v
	return err == nil && v >= least && v <= most
}

func between(text string, least, most float64) bool {
	var v float64
	return decimal(text, least, most, &v)
}

func list(text string) []string {
	var out []string
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// settings reads node:value between commas.
func settings(text string, can func(string) bool) ([]setting, bool) {
	var out []setting
	for _, part := range list(text) {
		at := strings.LastIndexByte(part, ':')
		if at < 1 || !can(part[at+1:]) {
			return nil, false
		}
		out = append(out, setting{part[:at], part[at+1:]})
	}
	return out, true
}

func look(all []setting, node string) string {
	for _, s := range all {
		if s.node == node {
			return s.value
		}
	}
	return ""
}

func number(all []setting, node string, otherwise float64) float64 {
	text := look(all, node)
	if text == "" {
		return otherwise
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) {
		return otherwise
	}
	return v
}
