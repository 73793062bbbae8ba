package how_test

import (
	"strings"
	"testing"
	"unsafe"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/learn/fed"
	"github.com/idag/idag/jobs/ev/how"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParse(t *testing.T) {
	h, err := how.Parse(" model=logistic; epochs=3;seed=-7;batch=-1;optimiser=descent;rate=0;method=trimmed:0.1;staleness=constant;deadline=90s;participants=a, b;stale=a:2,n:1:3;poison=none;link=;threshold=2;max_stale=-1;warmup=2;central=on;clip=0;noise=0;budget=0.1;step=2;keep=9;proximal=0")
	if err != nil {
		t.Fatal(err)
	}
	if h.Model != how.Logistic || h.Epochs != 3 || h.Batch != -1 || !h.Descent || h.Rate != 0.02 || h.Method != (fed.Method{By: "trimmed", Trim: 0.1}) ||
		h.Deadline != 90e6 || h.Threshold != 2 || h.MaxStale != -1 || h.Warmup != 2 || h.Central != 2 || h.Keep != 9 || h.Step != 2 {
		t.Errorf("%+v", h)
	}
	if !h.Answers("a") || !h.Answers("b") || h.Answers("c") || h.Delay("a") != 2 || h.Delay("n:1") != 3 || h.Delay("b") != 0 || h.Poison("a") != "" || !h.Linked("a", 3) {
		t.Error("what holds for single nodes")
	}
	prox, err := how.Parse("method=fedprox;proximal=0")
	if err != nil || prox.Proximal != 0.01 || prox.Method.By != "samples" {
		t.Errorf("%+v, %v", prox, err)
	}
	all, err := how.Parse("stale=all")
	if d, _ := how.Parse(""); err != nil || all.Delay("a") != d.Delay("a") || d.Rate != 0.005 || !d.Answers("x") {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"modle=nn", "model=cnn", "epochs=0", "epochs=x", "batch=0", "batch=-2", "rate=-1", "rate=NaN", "optimiser=sgd", "method=best", "method=mean:3",
		"method=trimmed:0.5", "method=krum:-1", "method=fedasync:2", "staleness=linear", "staleness=hinge:1", "staleness=polynomial:x",
		"threshold=-1", "deadline=soon", "deadline=-1s", "stale=a", "stale=a:x", "stale=:3", "poison=a:bad", "link=a:2", "link=a:NaN;control=fixed:1", "control=fixed:0",
		"control=learned:2", "control=on", "budget=0", "central=-1", "warmup=0", "keep=0", "seed=x",
		"method=median;staleness=polynomial:1", "model=forest;method=krum", "model=forest;control=learned", "model=forest;central=on",
		"clip=1", "clip=1;method=mean;staleness=hinge:1:1", "noise=1", "control=fixed:2;method=fedbuff", "control=learned;stale=a:1", "link=a:0.5",
		"control=fixed:2;clip=1;method=mean", "participants=a,b;threshold=3", "participants=a,b;method=krum",
	} {
		if h, err := how.Parse(text); err == nil || fault.Of(err) != fault.Invalid {
			t.Errorf("%q: %+v, %v", text, h, err)
		}
	}
}

// TestParseTellsAll: of several options that cannot be each is told, and of none that can.
func TestParseTellsAll(t *testing.T) {
	_, err := how.Parse("epochs=0;model=nn;method=best;staleness=never;typo=;rate=0.1")
	if err == nil || fault.Of(err) != fault.Invalid {
		t.Fatal(err)
	}
	want := []string{"option epochs", "option method", "option staleness", `no option "typo"`}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(want) {
		t.Errorf("%d mistakes: %v", len(lines), err)
	}
	for i, w := range want[:min(len(want), len(lines))] {
		if !strings.Contains(lines[i], w) {
			t.Errorf("%q does not tell of %s", lines[i], w)
		}
	}
}

// TestAmong: names that no node bears, and methods that need more nodes than take part,
// are refused where it is known which nodes there are.
func TestAmong(t *testing.T) {
	nodes := []string{"n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9"}
	for text, want := range map[string]string{
		"":                                    "",
		"participants=n1,n9;stale=n2:1":       "",
		"participants=n1,m2,m3":               `participants of the job ev names "m2", and no node is called so; there are n1, n2, n3, n4, n5, n6, n7, n8 and 1 more|"m3"`,
		"stale=x:1;poison=y:sign":             `stale of the job ev names "x"|poison of the job ev names "y"`,
		"link=z:0.5;control=fixed:1":          `link of the job ev names "z"`,
		"threshold=9":                         "",
		"threshold=10":                        "threshold of the job ev cannot be 10: 9 nodes take part",
		"method=krum:3":                       "",
		"method=krum:4":                       "cannot be krum:4: it takes 11 nodes at least, and 9 take part",
		"method=krum:0;participants=n1,n2,n3": "",
		"method=median;participants=n1":       "",
	} {
		h, err := how.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		err = h.Among(nodes)
		if (err == nil) != (want == "") || err != nil && fault.Of(err) != fault.Invalid {
			t.Errorf("%q: %v", text, err)
			continue
		}
		for w := range strings.SplitSeq(want, "|") {
			if err != nil && !strings.Contains(err.Error(), w) {
				t.Errorf("%q: %v, want %s", text, err, w)
			}
		}
	}
	if h, err := how.Parse("participants=b,a;stale=a:1,d:2;poison=c:nan"); err != nil || strings.Join(h.Named(), "") != "abcd" {
		t.Errorf("%v, %v", h.Named(), err)
	}
}

// TestParseTells: a value that cannot be is answered with those that can.
func TestParseTells(t *testing.T) {
	for key, can := range map[string][]string{
		"model":     {"nn", "linear", "logistic", "forest"},
		"method":    {"samples", "mean", "accuracy", "fedavg", "fedprox", "fedasync", "fedbuff", "median", "trimmed", "krum"},
		"optimiser": {"adam", "descent"}, "control": {"off", "learned"}, "central": {"off", "on"}, "max_stale": {"-1"}, "batch": {"-1"},
		"deadline": {"10m", "1h30m"}, "budget": {"0.001", "1"}, "epochs": {"1"}, "rate": {"0"},
	} {
		_, err := how.Parse(key + "=@")
		for _, value := range can {
			if err == nil || !strings.Contains(err.Error(), value) {
				t.Errorf("%s: %v does not tell of %s", key, err, value)
			}
			if _, err := how.Parse(key + "=" + value); err != nil {
				t.Errorf("%s=%s is told of, and %v", key, value, err)
			}
		}
	}
}

// TestModels: shapes are those that are promised.
func TestModels(t *testing.T) {
	for model, want := range map[string]int{"nn": 221, "linear": 9, "logistic": 9, "forest": 0} {
		h, err := how.Parse("model=" + model)
		if err != nil || h.Params() != want {
			t.Fatalf("%s: %d parameters, %v", model, h.Params(), err)
		}
		net, err := h.Network()
		if err != nil || (net == nil) != (want == 0) || net != nil && (len(net.Params()) != want || net.Width() != how.Width) {
			t.Errorf("%s: %v", model, err)
		}
	}
}

// TestChance: numbers differ by use, round, node and seed; a link is up as often as it
// is said to be.
func TestChance(t *testing.T) {
	h, err := how.Parse("seed=1;control=fixed:1;link=a:0.3,b:0,c:1")
	if err != nil {
		t.Fatal(err)
	}
	other, err := how.Parse("seed=2")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[uint64]bool{}
	for _, n := range []uint64{h.Chance("a", 1, "n"), h.Chance("b", 1, "n"), h.Chance("a", 2, "n"), h.Chance("a", 1, "m"), other.Chance("a", 1, "n"), h.Chance("an", 1, "")} {
		if seen[n] || n == 0 {
			t.Errorf("%x twice", n)
		}
		seen[n] = true
	}
	up := 0
	for r := range int64(3000) {
		if h.Linked("a", r) {
			up++
		}
		if h.Linked("b", r) || !h.Linked("c", r) || !h.Linked("d", r) || h.Linked("a", r/3*3) != h.Linked("a", r) {
			t.Fatalf("links in round %d", r)
		}
	}
	if up < 800 || up > 1000 {
		t.Errorf("a link of 0.3 is up in %d of 3000 rounds", up)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("model=nn;epochs=4;stale=a:1,b:2;method=krum:1;staleness=hinge:1:2")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := how.Parse(text)
		if err != nil {
			if fault.Of(err) != fault.Invalid {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if _, err := h.Network(); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if _, err := h.Method.Tally(1, 0); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	})
}

// Options outlive the text that they were read from: a column's, whose memory is given
// back with the frame.
func TestOptionsOutliveTheirText(t *testing.T) {
	lent := []byte("model=linear;method=median;participants=node1,node2;stale=node2:3")
	h, err := how.Parse(unsafe.String(&lent[0], len(lent)))
	if err != nil {
		t.Fatal(err)
	}
	clear(lent)
	if h.Model != how.Linear || h.Method.By != "median" || !h.Answers("node1") || h.Answers("node3") || h.Delay("node2") != 3 {
		t.Errorf("%+v", h)
	}
}

// FuzzAmong: options are read or refused as a mistake, whatever they are, and so are the
// nodes that there are for them.
func FuzzAmong(f *testing.F) {
	f.Add("model=nn;method=krum:1;participants=a,b;stale=a:2;threshold=3", "a,b,c")
	f.Add("control=fixed:2;link=n:0.5", "n")
	f.Add("poison=:;method=trimmed:", "")
	f.Fuzz(func(t *testing.T, text, nodes string) {
		h, err := how.Parse(text)
		if err == nil {
			err = h.Among(strings.Split(nodes, ","))
		}
		if err != nil && fault.Of(err) != fault.Invalid {
			t.Errorf("%q among %q: %v is a %v", text, nodes, err, fault.Of(err))
		}
	})
}
