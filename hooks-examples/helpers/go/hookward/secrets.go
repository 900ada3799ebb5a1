package hookward

import "unsafe"

// HostError is what the host says where it doesn't do what it is asked for.
type HostError struct {
	// Which case of the contract: `unknown`, `refused`, `not-granted`, ...
	Kind    string
	Message string
}

func (err *HostError) Error() string { return err.Message }

// hostError reads a variant of which every case carries a sentence.
func hostError(at unsafe.Pointer, kinds ...string) error {
	return &HostError{kinds[load8(at, 0)], loadString(at, 4)}
}

// Secret reads a secret, by its name in the grant `secrets`.
func Secret(name string) (string, error) {
	result := allocate(16)
	secretsGet(name, result)
	if load8(result, 0) != 0 {
		return "", hostError(unsafe.Add(result, 4), "unknown", "unavailable")
	}
	return loadString(result, 4), nil
}

//go:wasmimport hookward:hook/secrets@0.1.0 get
func secretsGet(name string, result unsafe.Pointer)
