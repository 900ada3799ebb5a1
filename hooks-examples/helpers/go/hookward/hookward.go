// hookward-go 0.1.0: what a hook in Go is written with.

// Package hookward is what a hook in Go is written with: the event, settings, messages,
// errors, HTTP, secrets, state, commands of the host, changes of the backup.
//
//	func init() {
//		hookward.Register(func(event *hookward.Event) error {
//			hookward.Info("called", "kind", event.Kind)
//			return nil
//		})
//	}
//
//	func main() {}
//
// Files, time and random numbers are those of the standard library. It speaks the
// canonical ABI of components itself, so that the ordinary compiler is enough:
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared
package hookward

import (
	"fmt"
	"runtime/debug"
	"unsafe"
)

// While the host passes something in, nothing may be asked of it, not even the time,
// which Go's garbage collector wants to know. So it doesn't begin by itself: a hook is
// called once, and its memory ends with the call. One that makes much garbage says
// runtime.GC() where it is done with some.
func init() {
	debug.SetGCPercent(-1)
}

var registered func(*Event) error

// Register sets the hook: called once, for one event. Its error is told to the
// operator, and keeps the backup from starting where the hook is a required `before`.
// Call it in an init function: main isn't run.
func Register(hook func(*Event) error) {
	registered = hook
}

//go:wasmexport run
func run(event unsafe.Pointer) unsafe.Pointer {
	// A byte 0 for ok, or 1 and then the error's pointer and length.
	result := allocate(12)
	if err := call(event); err != nil {
		text := err.Error()
		kept = append(kept, text)
		store8(result, 0, 1)
		storeString(result, 4, text)
	}
	return result
}

func call(event unsafe.Pointer) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	return registered(liftEvent(event))
}

// Skip asks that this run be skipped: heard in `before` when the hook then returns nil.
func Skip(reason string) {
	controlSkip(reason)
}

// AddWarning adds a warning to the run's report.
func AddWarning(message string) {
	controlWarn(message)
}

//go:wasmimport hookward:hook/control@0.1.0 skip
func controlSkip(reason string)

//go:wasmimport hookward:hook/control@0.1.0 warn
func controlWarn(message string)
