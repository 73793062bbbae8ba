package chaos

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// disks are the disks of executors for what memory has no room for: small file systems
// in memory where this process may mount them, else directories that can be taken away.
type disks struct {
	dir     string
	mounted map[string]bool
}

const (
	diskSize = 4 << 20
	filler   = "filler"
)

func newDisks(dir string) disks { return disks{dir: dir, mounted: map[string]bool{}} }

// of is where a node's disk is.
func (d disks) of(node string) string { return filepath.Join(d.dir, node) }

// open makes the disks of executors and the directories of drivers.
func (d disks) open(executors int) error {
	for i := range 2 {
		if err := os.MkdirAll(d.of(fmt.Sprint("driver-", i+1)), 0o755); err != nil {
			return err
		}
	}
	for i := range executors {
		name := fmt.Sprint("executor-", i+1)
		if err := os.MkdirAll(d.of(name), 0o755); err != nil {
			return err
		}
		err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprint("size=", diskSize), "idag-chaos", d.of(name)).Run()
		d.mounted[name] = err == nil
	}
	return nil
}

// fill leaves no room on a disk.
func (d disks) fill(node string) error {
	if !d.mounted[node] {
		return errors.Join(os.Rename(d.of(node), d.of(node)+".away"), os.WriteFile(d.of(node), nil, 0o600))
	}
	f, err := os.Create(filepath.Join(d.of(node), filler))
	if err != nil {
		return err
	}
	for zeros := make([]byte, 64<<10); err == nil; {
		_, err = f.Write(zeros)
	}
	if errors.Is(err, syscall.ENOSPC) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

// free makes room again.
func (d disks) free(node string) error {
	if !d.mounted[node] {
		return errors.Join(os.Remove(d.of(node)), os.Rename(d.of(node)+".away", d.of(node)))
	}
	return os.Remove(filepath.Join(d.of(node), filler))
}

// close takes the disks away. A second time does nothing.
func (d disks) close() error {
	var errs []error
	for name, mounted := range d.mounted {
		if !mounted {
			continue
		}
		if out, err := exec.Command("umount", d.of(name)).CombinedOutput(); err != nil {
			errs = append(errs, fmt.Errorf("umount %s: %w: %s", d.of(name), err, out))
			continue
		}
		d.mounted[name] = false
	}
	if err := errors.Join(errs...); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
