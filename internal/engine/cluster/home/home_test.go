package home

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/idag/idag/driver"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
	"go.uber.org/goleak"
)

// TestMain also plays a driver that holds a home until it is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("IDAG_TEST_HOME"); dir != "" {
		h, err := Open(dir, Owner{Name: "held", RPC: "127.0.0.1:1"})
		fmt.Println(err)
		if err == nil {
			<-h.Lost()
			fmt.Println("lost")
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func open(t *testing.T, dir, name string) *Home {
	t.Helper()
	h, err := Open(dir, Owner{Name: name, RPC: "127.0.0.1:2"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// hold starts a process that holds a home. It is killed at the end of the test.
func hold(t *testing.T, dir string) (*os.Process, *bufio.Reader) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), "IDAG_TEST_HOME="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	in := bufio.NewReader(out)
	if line, err := in.ReadString('\n'); err != nil || line != "<nil>\n" {
		t.Fatal(line, err)
	}
	return cmd.Process, in
}

// Of two drivers the second is refused, with who has the home; it gets it once the
// first has closed it.
func TestOneDriver(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir, "first")
	_, err := Open(dir, Owner{Name: "second"})
	if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "the driver first at 127.0.0.1:2") || !strings.Contains(err.Error(), "--standby") {
		t.Fatal(err)
	}
	if err := errors.Join(first.Check(), first.Close(), first.Close()); err != nil {
		t.Fatal(err)
	}
	second := open(t, dir, "second")
	if second.Term() != first.Term()+1 {
		t.Errorf("term %d after %d", second.Term(), first.Term())
	}
}

// keepAlive touches the term of whoever holds a home, so that it never seems silent.
func keepAlive(t *testing.T, dir string) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			now := time.Now()
			_ = os.Chtimes(termPath(dir, 1), now, now)
			time.Sleep(watchEvery / 2)
		}
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
}

// A process that is killed gives its home up by that alone: whatever its term's file says,
// nobody waits for the lease to end.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	p, _ := hold(t, dir)
	keepAlive(t, dir)
	seen := make(chan Owner, 4)
	took := make(chan error, 1)
	go func() {
		h, err := Await(t.Context(), dir, Owner{Name: "standby"}, func(o Owner) { seen <- o })
		if err == nil {
			err = h.Close()
		}
		took <- err
	}()
	if o := <-seen; o.Name != "held" || o.PID != p.Pid {
		t.Errorf("%+v", o)
	}
	select {
	case err := <-took:
		t.Fatal("taken from a living driver", err)
	case <-time.After(3 * watchEvery):
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-took:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute): // the lease would not end ever
		t.Error("a driver that was killed keeps its home")
	}
}

// A process that is stopped loses its home after the lease, and learns of it when it
// goes on.
func TestStopped(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for a lease")
	}
	dir := t.TempDir()
	p, out := hold(t, dir)
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	h, err := Await(t.Context(), dir, Owner{Name: "standby"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()                                                           //nolint:errcheck // of a test
	if took := time.Since(start); took < Lease-beatEvery || took > 20*Lease { // else it would be never
		t.Errorf("taken over after %v", took)
	}
	if err := p.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if line, err := out.ReadString('\n'); line != "lost\n" {
		t.Errorf("%q %v", line, err)
	}
	if err := h.Check(); err != nil {
		t.Error(err)
	}
}

// What time it is for all drivers does not depend on what their own clocks say.
func TestNow(t *testing.T) {
	dir := t.TempDir()
	for _, wrong := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		h, err := Open(dir, Owner{Name: "d", Clock: func() time.Time { return time.Now().Add(wrong) }})
		if err != nil {
			t.Fatal(err)
		}
		if off := time.Since(h.Now()).Abs(); off > time.Minute {
			t.Errorf("with a clock that is wrong by %v the home's is wrong by %v", wrong, off)
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		if left, err := filepath.Glob(filepath.Join(dir, ".clock-*")); len(left) > 0 || err != nil {
			t.Errorf("left behind: %v, %v", left, err)
		}
	}
}

// A driver whose clock is wrong, and stands still, is as silent as one that is dead; one
// whose clock only is wrong keeps its home.
func TestWrongClock(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for a lease")
	}
	t.Parallel()
	for _, stands := range []bool{false, true} {
		t.Run(fmt.Sprint(stands), func(t *testing.T) {
			t.Parallel()
			keepsHome(t, stands)
		})
	}
}

// keepsHome looks whether a driver loses its home whose clock is wrong, or stands as well.
func keepsHome(t *testing.T, stands bool) {
	t.Helper()
	dir, began := t.TempDir(), time.Now()
	h, err := Open(dir, Owner{Name: "wrong", Clock: func() time.Time {
		if stands {
			return began.Add(-time.Hour)
		}
		return time.Now().Add(-time.Hour)
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), Lease+Lease/2)
	next, err := Await(ctx, dir, Owner{Name: "standby"}, nil)
	cancel()
	if (err == nil) != stands {
		t.Errorf("the clock stands: %v; taken over: %v", stands, err)
	}
	err = h.Close()
	if next != nil {
		err = errors.Join(err, next.Close())
	}
	if err != nil {
		t.Error(err)
	}
}

func TestAwaitEnds(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, "first")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Await(ctx, dir, Owner{}, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// usurp takes the home from a driver that lives, as a standby does whose clock says
// that it has been silent.
func usurp(t *testing.T, dir string) *Home {
	t.Helper()
	term, err := highest(dir)
	if err != nil {
		t.Fatal(err)
	}
	h, err := claim(dir, term+1, Owner{Name: "usurper"})
	if h == nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func entries(t *testing.T, l driver.Ledger) (batches []rdd.BatchID) {
	t.Helper()
	for e, err := range l.Replay(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if c, ok := e.(driver.Committed); ok {
			batches = append(batches, c.Batch)
		}
	}
	return batches
}

// What a driver appends after its term has ended is not confirmed and never read: not
// even if it was stopped between the check and the write.
func TestLateAppend(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	jobs := filepath.Join(dir, "jobs", "j", "ledger")
	old := open(t, dir, "old")
	was, err := old.Ledger(jobs)
	if err != nil {
		t.Fatal(err)
	}
	if err := was.Append(ctx, driver.Committed{Batch: 1}); err != nil {
		t.Fatal(err)
	}
	next := usurp(t, dir)
	now, err := next.Ledger(jobs)
	if err != nil {
		t.Fatal(err)
	}
	if err := was.Append(ctx, driver.Committed{Batch: 2}); fault.Of(err) != fault.Invalid {
		t.Errorf("an append after the term: %v", err)
	}
	if err := was.Trim(ctx, 9); fault.Of(err) != fault.Invalid {
		t.Errorf("a trim after the term: %v", err)
	}
	// As if it had been stopped behind its check.
	_ = was.log.Append(ctx, driver.Committed{Batch: 3})
	if err := now.Append(ctx, driver.Committed{Batch: 22}); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(entries(t, now)); got != "[1 22]" {
		t.Errorf("entries %s", got)
	}
	if err := old.Save(dir, "x", []byte("late")); fault.Of(err) != fault.Invalid {
		t.Errorf("a record after the term: %v", err)
	}
	if _, err := old.Ledger(jobs); fault.Of(err) != fault.Invalid {
		t.Errorf("a ledger after the term: %v", err)
	}
	if err := errors.Join(was.Close(), now.Close()); err != nil {
		t.Fatal(err)
	}
	third := usurp(t, dir)
	if old.Check() == nil || next.Check() == nil || third.Check() != nil {
		t.Error("only the last term lasts")
	}
	l, err := third.Ledger(jobs)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(entries(t, l)); got != "[1 22]" {
		t.Errorf("entries %s", got)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// A ledger of several files goes from term to term, also with the end of its last
// append torn, and after an attempt that was not finished, wherever the home lies.
func TestInherit(t *testing.T) {
	dir, ctx := filepath.Join(t.TempDir(), `[of] all\*`), t.Context()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	old := open(t, dir, "old")
	l, err := old.Ledger(dir + "/l")
	if err != nil {
		t.Fatal(err)
	}
	for b := range 3 {
		if err := l.Append(ctx, driver.Committed{Batch: rdd.BatchID(b + 1)}, driver.Ended{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(l.Close(), old.Close()); err != nil {
		t.Fatal(err)
	}
	last := filepath.Join(termPath(dir+"/l", 1), "000003.jsonl")
	data, err := os.ReadFile(last)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(last, data[:len(data)-5], 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "l", ".draft-7"), 0o700); err != nil {
		t.Fatal(err)
	}
	next := open(t, dir, "next")
	now, err := next.Ledger(dir + "/l")
	if err != nil {
		t.Fatal(err)
	}
	defer now.Close() //nolint:errcheck // of a test
	if got := fmt.Sprint(entries(t, now)); got != "[1 2 3]" || now.Note() == "" {
		t.Errorf("entries %s, note %q", got, now.Note())
	}
	if left, err := os.ReadDir(dir + "/l"); len(left) != 1 {
		t.Errorf("%v are left, %v", left, err)
	}
}

// The last record that was saved is the one that is loaded.
func TestRecords(t *testing.T) {
	dir := t.TempDir()
	old := open(t, dir, "old")
	if got, err := old.Load(dir, "job"); got != nil || err != nil {
		t.Error(got, err)
	}
	for _, text := range []string{"a", "b"} {
		if err := old.Save(dir, "job", []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	next := usurp(t, dir)
	if got, err := next.Load(dir, "job"); string(got) != "b" || err != nil {
		t.Error(string(got), err)
	}
	if err := next.Save(dir, "job", []byte("c")); err != nil {
		t.Fatal(err)
	}
	all, _ := saved(dir, "job")
	if got, err := next.Load(dir, "job"); string(got) != "c" || err != nil || len(all) != 1 {
		t.Error(string(got), err, all)
	}
}

// What is no directory, and one that cannot be written, are the user's mistakes.
func TestNoHome(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file, Owner{}); fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
	if _, err := Await(t.Context(), file, Owner{}, nil); fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
}
