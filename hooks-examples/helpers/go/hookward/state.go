package hookward

import (
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"unsafe"
)

// State is what a hook has kept in a profile, from run to run: it is kept when the hook
// returns nil, and not when it fails. It needs the grant `state`.
//
//	var runs int
//	_, err := hookward.GetState("runs", &runs)
//	...
//	err = hookward.SetState("runs", runs+1)

// GetState reads a value of JSON, and tells whether it is there.
func GetState(key string, value any) (bool, error) {
	bytes, err := GetStateBytes(key)
	if bytes == nil || err != nil {
		return false, err
	}
	if err := json.Unmarshal(bytes, value); err != nil {
		return false, fmt.Errorf("state `%s`: %w", key, err)
	}
	return true, nil
}

// SetState keeps a value as JSON, in the place of an earlier one.
func SetState(key string, value any) error {
	bytes, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("state `%s`: %w", key, err)
	}
	return SetStateBytes(key, bytes)
}

// GetStateBytes reads a value as it is kept: nil where there is none.
func GetStateBytes(key string) (value []byte, err error) {
	err = withBucket(func(bucket uint32, result unsafe.Pointer) error {
		bucketGet(bucket, key, result)
		if err := stateError(result, 4); err != nil {
			return err
		}
		if load8(result, 4) != 0 {
			// Not nil, be it empty.
			value = append([]byte{}, loadBytes(result, 8)...)
		}
		return nil
	})
	return value, err
}

// SetStateBytes keeps bytes, in the place of an earlier value.
func SetStateBytes(key string, value []byte) error {
	return withBucket(func(bucket uint32, result unsafe.Pointer) error {
		bucketSet(bucket, key, unsafe.Pointer(unsafe.SliceData(value)), uint32(len(value)), result)
		return stateError(result, 4)
	})
}

// DeleteState forgets a value. It need not be there.
func DeleteState(key string) error {
	return withBucket(func(bucket uint32, result unsafe.Pointer) error {
		bucketDelete(bucket, key, result)
		return stateError(result, 4)
	})
}

// StateKeys gives the keys of all values, sorted.
func StateKeys() (keys []string, err error) {
	err = withBucket(func(bucket uint32, result unsafe.Pointer) error {
		more, cursor := uint32(0), uint64(0)
		for {
			bucketListKeys(bucket, more, cursor, result)
			if err := stateError(result, 8); err != nil {
				return err
			}
			keys = append(keys, loadList(result, 8, 8, liftString)...)
			more, cursor = uint32(load8(result, 16)), load64(result, 24)
			if more == 0 {
				return nil
			}
		}
	})
	sort.Strings(keys)
	return keys, err
}

func withBucket(use func(bucket uint32, result unsafe.Pointer) error) error {
	result := allocate(32)
	bucketOpen("", result)
	if err := stateError(result, 4); err != nil {
		return err
	}
	bucket := load32(result, 4)
	defer dropBucket(bucket)
	return use(bucket, result)
}

// stateError reads the error of a result whose payload stands there.
func stateError(result unsafe.Pointer, at uintptr) error {
	switch {
	case load8(result, 0) == 0:
		return nil
	case load8(result, at) == 2:
		return errors.New("state: " + loadString(result, at+4))
	}
	return errors.New("the host doesn't let this hook keep state: grant it `state`")
}

//go:wasmimport wasi:keyvalue/store@0.2.0-draft open
func bucketOpen(name string, result unsafe.Pointer)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft [method]bucket.get
func bucketGet(bucket uint32, key string, result unsafe.Pointer)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft [method]bucket.set
func bucketSet(bucket uint32, key string, value unsafe.Pointer, length uint32, result unsafe.Pointer)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft [method]bucket.delete
func bucketDelete(bucket uint32, key string, result unsafe.Pointer)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft [method]bucket.list-keys
func bucketListKeys(bucket uint32, more uint32, cursor uint64, result unsafe.Pointer)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft [resource-drop]bucket
func dropBucket(bucket uint32)
