package hookward

import (
	"fmt"
	"unsafe"
)

// Trace writes a message of a detail that only the hook's author wants to see.
// Fields are pairs, as in log/slog: `Info("pinged", "status", 200)`.
func Trace(message string, fields ...any) { write(0, message, fields) }

// Debug writes a message that helps to find out why a hook did what it did.
func Debug(message string, fields ...any) { write(1, message, fields) }

// Info writes a message that tells what the hook did.
func Info(message string, fields ...any) { write(2, message, fields) }

// Warn writes a message of something that the operator should look at.
func Warn(message string, fields ...any) { write(3, message, fields) }

// Error writes a message of something that went wrong. Only the error that a hook
// returns makes it fail.
func Error(message string, fields ...any) { write(4, message, fields) }

func write(level uint32, message string, fields []any) {
	count := uint32(len(fields) / 2)
	list := allocate(16 * count)
	for n := uintptr(0); n < uintptr(count); n++ {
		key, value := fmt.Sprint(fields[2*n]), fmt.Sprint(fields[2*n+1])
		kept = append(kept, key, value)
		storeString(list, 16*n, key)
		storeString(list, 16*n+8, value)
	}
	logWrite(level, message, list, count)
}

//go:wasmimport hookward:hook/log@0.1.0 write
func logWrite(level uint32, message string, fields unsafe.Pointer, count uint32)
