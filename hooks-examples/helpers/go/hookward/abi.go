package hookward

import "unsafe"

// What the host was given or has written: all of it stays until the instance is gone,
// which is when the hook has returned.
var kept = []any{&reserved}

// allocate gives zeroed memory, aligned to 8 bytes, that never moves.
func allocate(size uint32) unsafe.Pointer {
	memory := make([]uint64, (size+7)/8+1)
	kept = append(kept, memory)
	return unsafe.Pointer(unsafe.SliceData(memory))
}

// The host allocates by it what it passes in.
//
//go:wasmexport cabi_realloc
func reallocate(old unsafe.Pointer, oldSize, align, size uint32) unsafe.Pointer {
	memory := allocate(size)
	if old != nil {
		copy(unsafe.Slice((*byte)(memory), size), unsafe.Slice((*byte)(old), oldSize))
	}
	return memory
}

func load8(base unsafe.Pointer, at uintptr) uint8     { return *(*uint8)(unsafe.Add(base, at)) }
func load16(base unsafe.Pointer, at uintptr) uint16   { return *(*uint16)(unsafe.Add(base, at)) }
func load32(base unsafe.Pointer, at uintptr) uint32   { return *(*uint32)(unsafe.Add(base, at)) }
func load64(base unsafe.Pointer, at uintptr) uint64   { return *(*uint64)(unsafe.Add(base, at)) }
func loadFloat(base unsafe.Pointer, at uintptr) float64 { return *(*float64)(unsafe.Add(base, at)) }

func store8(base unsafe.Pointer, at uintptr, value uint8)   { *(*uint8)(unsafe.Add(base, at)) = value }
func store32(base unsafe.Pointer, at uintptr, value uint32) { *(*uint32)(unsafe.Add(base, at)) = value }

// storeString writes pointer and length. The text itself has to be kept.
func storeString(base unsafe.Pointer, at uintptr, text string) {
	store32(base, at, uint32(uintptr(unsafe.Pointer(unsafe.StringData(text)))))
	store32(base, at+4, uint32(len(text)))
}

// storeStrings writes a list of texts, and keeps them.
func storeStrings(texts []string) unsafe.Pointer {
	list := allocate(uint32(8 * len(texts)))
	for n, text := range texts {
		kept = append(kept, text)
		storeString(list, uintptr(8*n), text)
	}
	return list
}

// storeEntries writes a list of pairs, and keeps them.
func storeEntries(table map[string]string) unsafe.Pointer {
	list, n := allocate(uint32(16*len(table))), uintptr(0)
	for name, value := range table {
		kept = append(kept, name, value)
		storeString(list, 16*n, name)
		storeString(list, 16*n+8, value)
		n++
	}
	return list
}

func loadBytes(base unsafe.Pointer, at uintptr) []byte {
	length := load32(base, at+4)
	if length == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(uintptr(load32(base, at)))), length)
}

func loadString(base unsafe.Pointer, at uintptr) string {
	return string(loadBytes(base, at))
}

// loadOption reads an option<string> of the layout: a byte, then pointer and length.
func loadOption(base unsafe.Pointer, at uintptr) *string {
	if load8(base, at) == 0 {
		return nil
	}
	text := loadString(base, at+4)
	return &text
}

// loadList reads a list of elements of this size.
func loadList[T any](base unsafe.Pointer, at, size uintptr, lift func(unsafe.Pointer) T) []T {
	first, length := unsafe.Pointer(uintptr(load32(base, at))), load32(base, at+4)
	list := make([]T, length)
	for n := range list {
		list[n] = lift(unsafe.Add(first, uintptr(n)*size))
	}
	return list
}

func liftString(at unsafe.Pointer) string {
	return loadString(at, 0)
}

// Where the adapter from WASI 0.1 to WASI 0.2 has its stack and its state. It wants
// them before Go's runtime has started, and what it took by growing the memory the
// runtime would write over. So `hookward hook build` looks for the marker in the
// compiled module, and gives the adapter what follows it.
var reserved = struct {
	marker [32]byte
	space  [192 << 10]byte
}{marker: [32]byte{
	'h', 'o', 'o', 'k', 'w', 'a', 'r', 'd', ':', ' ', 'm', 'e', 'm', 'o', 'r', 'y',
	' ', 'o', 'f', ' ', 't', 'h', 'e', ' ', 'a', 'd', 'a', 'p', 't', 'e', 'r', '.',
}}
