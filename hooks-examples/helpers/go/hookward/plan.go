package hookward

import "unsafe"

// Changes of the backup that is about to start: heard in `before`, in effect together
// when the hook returns nil. They need the grant `plan` with the part.

// SetSources backs these up instead: absolute paths of the host.
func SetSources(paths ...string) error { return change(planSetSources, paths) }

// AddSources backs these up too: absolute paths of the host.
func AddSources(paths ...string) error { return change(planAddSources, paths) }

// AddTags tags the snapshot with these too.
func AddTags(tags ...string) error { return change(planAddTags, tags) }

// AddExcludes leaves out what matches these patterns of restic too.
func AddExcludes(patterns ...string) error { return change(planAddExcludes, patterns) }

// SetEnv sets a variable in restic's environment.
func SetEnv(name, value string) error {
	result := allocate(16)
	planSetEnv(name, value, result)
	return planError(result)
}

func change(call func(unsafe.Pointer, uint32, unsafe.Pointer), texts []string) error {
	result := allocate(16)
	call(storeStrings(texts), uint32(len(texts)), result)
	return planError(result)
}

func planError(result unsafe.Pointer) error {
	if load8(result, 0) == 0 {
		return nil
	}
	return hostError(unsafe.Add(result, 4), "not-granted", "not-now", "invalid")
}

//go:wasmimport hookward:hook/plan@0.1.0 set-sources
func planSetSources(list unsafe.Pointer, count uint32, result unsafe.Pointer)

//go:wasmimport hookward:hook/plan@0.1.0 add-sources
func planAddSources(list unsafe.Pointer, count uint32, result unsafe.Pointer)

//go:wasmimport hookward:hook/plan@0.1.0 add-tags
func planAddTags(list unsafe.Pointer, count uint32, result unsafe.Pointer)

//go:wasmimport hookward:hook/plan@0.1.0 add-excludes
func planAddExcludes(list unsafe.Pointer, count uint32, result unsafe.Pointer)

//go:wasmimport hookward:hook/plan@0.1.0 set-env
func planSetEnv(name, value string, result unsafe.Pointer)
