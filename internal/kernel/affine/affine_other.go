//go:build !amd64

package affine

// vectors says that the function below is not for this processor.
func vectors() bool { return false }

func run(_, _ *float64, _ *Step, _, _ int) {}
