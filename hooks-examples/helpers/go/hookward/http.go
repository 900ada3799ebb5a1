package hookward

import (
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"
)

// Request is sent by Send to a host that the operator named in the grant `http`.
type Request struct {
	// GET, POST, ...
	Method  string
	URL     string
	Headers map[string]string
	Body    []byte
	// For the connection, and for each wait for the server. The host's own limits hold
	// where it is 0.
	Timeout time.Duration
	// The largest body of a response: 4 MiB where it is 0.
	MaxBody int
}

// Response is what a server answered.
type Response struct {
	Method  string
	URL     string
	Status  int
	Headers [][2]string
	Body    []byte
}

// HTTPError is why a request has no answer that the hook can use.
type HTTPError struct {
	Method string
	// Without the query, where tokens like to stand.
	URL    string
	Reason string
	// The status, where that is the reason.
	Status int
}

func (err *HTTPError) Error() string {
	if err.URL == "" {
		return fmt.Sprintf("%s: %s", err.Method, err.Reason)
	}
	return fmt.Sprintf("%s %s: %s", err.Method, err.URL, err.Reason)
}

// ErrorForStatus makes a status that is none of success an error, which tells the
// begin of the body.
func (response *Response) ErrorForStatus() error {
	if response.Status >= 200 && response.Status < 300 {
		return nil
	}
	reason := fmt.Sprintf("status %d", response.Status)
	told := []rune(strings.TrimSpace(strings.ToValidUTF8(string(response.Body), string(utf8.RuneError))))
	if len(told) > 200 {
		told = told[:200]
	}
	if len(told) > 0 {
		reason += ": " + string(told)
	}
	return &HTTPError{response.Method, response.URL, reason, response.Status}
}

var methods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}

// Send sends the request and waits for the whole response, whatever its status.
// Redirects aren't followed: they are the response.
func (request *Request) Send() (*Response, error) {
	fail := func(shown, reason string) (*Response, error) {
		return nil, &HTTPError{Method: request.Method, URL: shown, Reason: reason}
	}
	target, err := url.Parse(request.URL)
	switch {
	case err != nil:
		return fail("", "the URL can't be read")
	case target.Scheme == "":
		return fail("", "the URL begins with neither http:// nor https://")
	case target.Scheme != "http" && target.Scheme != "https":
		return fail("", "the URL has to be one of http or https, not of "+target.Scheme)
	case target.Host == "":
		return fail("", "the URL names no host")
	case target.User != nil:
		return fail("", "the URL names a user: send a header `authorization`")
	}
	path, host := target.EscapedPath(), strings.ToLower(target.Host)
	if path == "" {
		path = "/"
	}
	shown := fmt.Sprintf("%s://%s%s", target.Scheme, host, path)
	if target.RawQuery != "" {
		path += "?" + target.RawQuery
	}
	if request.Timeout < 0 {
		return fail(shown, "a timeout of zero leaves no time at all")
	}

	headers := map[string]string{"user-agent": "hookward-go/0.1.0"}
	for name, value := range request.Headers {
		headers[strings.ToLower(name)] = value
	}
	if len(request.Body) > 0 || request.Method == "POST" || request.Method == "PUT" || request.Method == "PATCH" {
		headers["content-length"] = fmt.Sprint(len(request.Body))
	}
	outgoing, ok := newRequest(request.Method, target.Scheme, host, path, headers)
	if !ok {
		return fail(shown, "the request can't be sent as it stands")
	}
	most := request.MaxBody
	if most == 0 {
		most = 4 << 20
	}
	response, reason := exchange(outgoing, request.Body, request.Timeout, most)
	if reason != "" {
		return fail(shown, reason)
	}
	response.Method, response.URL = request.Method, shown
	return response, nil
}

func newRequest(method, scheme, host, path string, headers map[string]string) (outgoing uint32, ok bool) {
	list, result := storeEntries(headers), allocate(8)
	fieldsFromList(list, uint32(len(headers)), result)
	if load8(result, 0) != 0 {
		return 0, false
	}
	outgoing = newOutgoingRequest(load32(result, 4))
	code, other := uint32(len(methods)), method
	for n, known := range methods {
		if known == method {
			code, other = uint32(n), ""
		}
	}
	secure := uint32(0)
	if scheme == "https" {
		secure = 1
	}
	wrong := setMethod(outgoing, code, other) + setScheme(outgoing, 1, secure, "") +
		setAuthority(outgoing, 1, host) + setPath(outgoing, 1, path)
	return outgoing, wrong == 0
}

// exchange gives the response, or the reason why there is none.
func exchange(outgoing uint32, body []byte, timeout time.Duration, most int) (*Response, string) {
	hasOptions, options := uint32(0), uint32(0)
	if timeout > 0 {
		hasOptions, options = 1, newRequestOptions()
		nanos := uint64(timeout.Nanoseconds())
		setConnectTimeout(options, 1, nanos)
		setFirstByteTimeout(options, 1, nanos)
		setBetweenBytesTimeout(options, 1, nanos)
	}
	sending := uint32(0)
	if len(body) > 0 {
		result := allocate(8)
		outgoingBody(outgoing, result)
		sending = load32(result, 4)
	}
	result := allocate(40)
	handle(outgoing, hasOptions, options, result)
	if load8(result, 0) != 0 {
		return nil, told(unsafe.Add(result, 8))
	}
	future := load32(result, 8)
	// The host starts to read the body when the request is on its way, not before. When
	// that fails, the response mostly tells why.
	failed := ""
	if len(body) > 0 {
		failed = send(sending, body)
	}
	ready := futureSubscribe(future)
	pollableBlock(ready)
	dropPollable(ready)
	answer := allocate(56)
	futureGet(future, answer)
	switch {
	case load8(answer, 0) == 0 || load8(answer, 8) != 0:
		if failed != "" {
			return nil, failed
		}
		return nil, "the host gave no response"
	case load8(answer, 16) != 0:
		return nil, told(unsafe.Add(answer, 24))
	}
	return receive(load32(answer, 24), most)
}

// send writes the body and ends it, and gives the reason where that fails.
func send(sending uint32, body []byte) string {
	result := allocate(40)
	outgoingBodyWrite(sending, result)
	if load8(result, 0) != 0 {
		return ""
	}
	stream := load32(result, 4)
	// At most so much at once.
	for chunk := range chunks(body, 4096) {
		blockingWrite(stream, unsafe.Pointer(unsafe.SliceData(chunk)), uint32(len(chunk)), result)
		if load8(result, 0) != 0 {
			return streamError(unsafe.Add(result, 4))
		}
	}
	dropOutputStream(stream)
	outgoingBodyFinish(sending, 0, 0, result)
	if load8(result, 0) != 0 {
		return told(unsafe.Add(result, 8))
	}
	return ""
}

func receive(response uint32, most int) (*Response, string) {
	received := &Response{Status: int(responseStatus(response))}
	result := allocate(16)
	fieldsEntries(responseHeaders(response), result)
	received.Headers = loadList(result, 0, 16, func(at unsafe.Pointer) [2]string {
		return [2]string{loadString(at, 0), loadString(at, 8)}
	})
	responseConsume(response, result)
	if load8(result, 0) != 0 {
		return nil, "the host doesn't give the body of the response"
	}
	bodyStream(load32(result, 4), result)
	if load8(result, 0) != 0 {
		return nil, "the host doesn't give the body of the response"
	}
	stream := load32(result, 4)
	for {
		blockingRead(stream, 64<<10, result)
		if load8(result, 0) != 0 {
			if load8(result, 4) == 1 {
				return received, ""
			}
			if reason := streamError(unsafe.Add(result, 4)); reason != "" {
				return nil, reason
			}
			return nil, "the response broke off"
		}
		chunk := loadBytes(result, 4)
		if len(received.Body)+len(chunk) > most {
			return nil, fmt.Sprintf("the body of the response is larger than %d bytes", most)
		}
		received.Body = append(received.Body, chunk...)
	}
}

// streamError gives what HTTP says of a stream's error, where it says something.
func streamError(at unsafe.Pointer) string {
	if load8(at, 0) != 0 {
		return ""
	}
	result := allocate(40)
	httpErrorCode(load32(at, 4), result)
	if load8(result, 0) == 0 {
		return ""
	}
	return told(unsafe.Add(result, 8))
}

func chunks(bytes []byte, size int) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(bytes) > 0 {
			chunk := bytes[:min(size, len(bytes))]
			bytes = bytes[len(chunk):]
			if !yield(chunk) {
				return
			}
		}
	}
}
