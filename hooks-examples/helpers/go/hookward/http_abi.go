package hookward

import (
	"fmt"
	"unsafe"
)

// What an error code carries besides its number.
const (
	nothing = iota
	optionalText
	optionalNumber32
	optionalNumber64
	dnsError
	tlsAlert
	fieldSize
	optionalFieldSize
)

// The error codes of wasi:http in its order, in plain words.
var codes = []struct {
	told    string
	carries int
}{
	{"the name of the server was not resolved in time", nothing},
	{"the name of the server can't be resolved", dnsError},
	{"there is no such server", nothing},
	{"the server can't be reached", nothing},
	{"the host doesn't allow the address of the server", nothing},
	{"there is no route to the server", nothing},
	{"the connection was refused", nothing},
	{"the connection was closed too early", nothing},
	{"no connection was made in time", nothing},
	{"the server stopped sending for too long", nothing},
	{"the server stopped reading for too long", nothing},
	{"the host allows this hook no more connections", nothing},
	{"no secure connection could be made (TLS)", nothing},
	{"the server's certificate can't be trusted", nothing},
	{"the server refused the secure connection (TLS)", tlsAlert},
	{"the host doesn't allow it: grant it in `grants.http`", nothing},
	{"the request has to tell its length", nothing},
	{"the body of the request is too large", optionalNumber64},
	{"this can't be a method", nothing},
	{"the URL can't be used", nothing},
	{"the URL is too long", nothing},
	{"the headers of the request are too large", optionalNumber32},
	{"a header of the request is too large", optionalFieldSize},
	{"the trailers of the request are too large", optionalNumber32},
	{"a trailer of the request is too large", fieldSize},
	{"the response ended too early", nothing},
	{"the headers of the response are too large", optionalNumber32},
	{"a header of the response is too large", fieldSize},
	{"the body of the response is larger than the host lets through", optionalNumber64},
	{"the trailers of the response are too large", optionalNumber32},
	{"a trailer of the response is too large", fieldSize},
	{"the response comes in a transfer coding that isn't known", optionalText},
	{"the response comes in a content coding that isn't known", optionalText},
	{"the server didn't answer in time", nothing},
	{"the server refused to change the protocol", nothing},
	{"the server broke the rules of HTTP", nothing},
	{"the request went round in a circle", nothing},
	{"the host isn't set up for this request", nothing},
	{"the host failed", optionalText},
}

// told reads an error code: a byte, and at 8 what it carries.
func told(at unsafe.Pointer) string {
	code := codes[load8(at, 0)]
	carried := unsafe.Add(at, 8)
	var text *string
	size := uint64(0)
	switch code.carries {
	case optionalText, dnsError:
		text = loadOption(carried, 0)
	case tlsAlert:
		text = loadOption(carried, 4)
	case optionalNumber32:
		size = uint64(load32(carried, 4)) * uint64(load8(carried, 0))
	case optionalNumber64:
		size = load64(carried, 8) * uint64(load8(carried, 0))
	case fieldSize, optionalFieldSize:
		if code.carries == optionalFieldSize {
			if load8(carried, 0) == 0 {
				break
			}
			carried = unsafe.Add(carried, 4)
		}
		text, size = loadOption(carried, 0), uint64(load32(carried, 16))*uint64(load8(carried, 12))
	}
	says := code.told
	if text != nil && *text != "" {
		says += ": " + *text
	}
	if size != 0 {
		says += fmt.Sprintf(" (%d bytes)", size)
	}
	return says
}

//go:wasmimport wasi:http/types@0.2.0 [static]fields.from-list
func fieldsFromList(list unsafe.Pointer, count uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [method]fields.entries
func fieldsEntries(fields uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [constructor]outgoing-request
func newOutgoingRequest(fields uint32) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]outgoing-request.set-method
func setMethod(request, method uint32, other string) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]outgoing-request.set-scheme
func setScheme(request, some, scheme uint32, other string) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]outgoing-request.set-authority
func setAuthority(request, some uint32, authority string) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]outgoing-request.set-path-with-query
func setPath(request, some uint32, path string) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]outgoing-request.body
func outgoingBody(request uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [method]outgoing-body.write
func outgoingBodyWrite(body uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [static]outgoing-body.finish
func outgoingBodyFinish(body, some, trailers uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [constructor]request-options
func newRequestOptions() uint32

//go:wasmimport wasi:http/types@0.2.0 [method]request-options.set-connect-timeout
func setConnectTimeout(options, some uint32, nanos uint64) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]request-options.set-first-byte-timeout
func setFirstByteTimeout(options, some uint32, nanos uint64) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]request-options.set-between-bytes-timeout
func setBetweenBytesTimeout(options, some uint32, nanos uint64) uint32

//go:wasmimport wasi:http/outgoing-handler@0.2.0 handle
func handle(request, some, options uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [method]future-incoming-response.subscribe
func futureSubscribe(future uint32) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]future-incoming-response.get
func futureGet(future uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [method]incoming-response.status
func responseStatus(response uint32) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]incoming-response.headers
func responseHeaders(response uint32) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]incoming-response.consume
func responseConsume(response uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [method]incoming-body.stream
func bodyStream(body uint32, result unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 http-error-code
func httpErrorCode(err uint32, result unsafe.Pointer)

//go:wasmimport wasi:io/poll@0.2.0 [method]pollable.block
func pollableBlock(pollable uint32)

//go:wasmimport wasi:io/poll@0.2.0 [resource-drop]pollable
func dropPollable(pollable uint32)

//go:wasmimport wasi:io/streams@0.2.0 [method]input-stream.blocking-read
func blockingRead(stream uint32, length uint64, result unsafe.Pointer)

//go:wasmimport wasi:io/streams@0.2.0 [method]output-stream.blocking-write-and-flush
func blockingWrite(stream uint32, bytes unsafe.Pointer, count uint32, result unsafe.Pointer)

//go:wasmimport wasi:io/streams@0.2.0 [resource-drop]output-stream
func dropOutputStream(stream uint32)
