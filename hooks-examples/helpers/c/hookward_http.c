// HTTP over wasi:http. A component that calls nothing of this doesn't import it.

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hookward.h"

typedef wasi_http_types_error_code_t error_code;

// The error codes of wasi:http in its order, in plain words.
static const char *const TOLD[] = {
    "the name of the server was not resolved in time",
    "the name of the server can't be resolved",
    "there is no such server",
    "the server can't be reached",
    "the host doesn't allow the address of the server",
    "there is no route to the server",
    "the connection was refused",
    "the connection was closed too early",
    "no connection was made in time",
    "the server stopped sending for too long",
    "the server stopped reading for too long",
    "the host allows this hook no more connections",
    "no secure connection could be made (TLS)",
    "the server's certificate can't be trusted",
    "the server refused the secure connection (TLS)",
    "the host doesn't allow it: grant it in `grants.http`",
    "the request has to tell its length",
    "the body of the request is too large",
    "this can't be a method",
    "the URL can't be used",
    "the URL is too long",
    "the headers of the request are too large",
    "a header of the request is too large",
    "the trailers of the request are too large",
    "a trailer of the request is too large",
    "the response ended too early",
    "the headers of the response are too large",
    "a header of the response is too large",
    "the body of the response is larger than the host lets through",
    "the trailers of the response are too large",
    "a trailer of the response is too large",
    "the response comes in a transfer coding that isn't known",
    "the response comes in a content coding that isn't known",
    "the server didn't answer in time",
    "the server refused to change the protocol",
    "the server broke the rules of HTTP",
    "the request went round in a circle",
    "the host isn't set up for this request",
    "the host failed",
};

static const char *with_text(const char *message, hook_option_string_t text) {
  if (!text.is_some || !text.val.len) return message;
  return hw_format("%s: %s", message, hw_string(text.val));
}

static const char *with_size(const char *message, bool known, uint64_t size) {
  return known ? hw_format("%s (%llu bytes)", message, (unsigned long long)size) : message;
}

static const char *with_field(const char *message, const wasi_http_types_field_size_payload_t *field) {
  return with_size(with_text(message, field->field_name), field->field_size.is_some, field->field_size.val);
}

static const char *told(const error_code *code) {
  if (code->tag >= sizeof TOLD / sizeof *TOLD) return "the host failed";
  const char *message = TOLD[code->tag];
  switch (code->tag) {
    case WASI_HTTP_TYPES_ERROR_CODE_DNS_ERROR:
      return with_text(message, code->val.dns_error.rcode);
    case WASI_HTTP_TYPES_ERROR_CODE_TLS_ALERT_RECEIVED:
      return with_text(message, code->val.tls_alert_received.alert_message);
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_BODY_SIZE:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_BODY_SIZE: {
      hook_option_u64_t size = code->val.http_request_body_size;
      return with_size(message, size.is_some, size.val);
    }
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_HEADER_SECTION_SIZE:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_TRAILER_SECTION_SIZE:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_HEADER_SECTION_SIZE:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_TRAILER_SECTION_SIZE: {
      hook_option_u32_t size = code->val.http_request_header_section_size;
      return with_size(message, size.is_some, size.val);
    }
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_HEADER_SIZE:
      if (!code->val.http_request_header_size.is_some) return message;
      return with_field(message, &code->val.http_request_header_size.val);
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_TRAILER_SIZE:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_HEADER_SIZE:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_TRAILER_SIZE:
      return with_field(message, &code->val.http_request_trailer_size);
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_TRANSFER_CODING:
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_CONTENT_CODING:
    case WASI_HTTP_TYPES_ERROR_CODE_INTERNAL_ERROR:
      return with_text(message, code->val.internal_error);
    default:
      return message;
  }
}

// What HTTP says of a stream's error, or NULL.
static const char *stream_error(const wasi_io_streams_stream_error_t *error) {
  error_code code;
  if (error->tag != WASI_IO_STREAMS_STREAM_ERROR_LAST_OPERATION_FAILED) return NULL;
  wasi_io_error_borrow_error_t borrowed = wasi_io_error_borrow_error(error->val.last_operation_failed);
  return wasi_http_types_http_error_code(borrowed, &code) ? told(&code) : NULL;
}

// A URL in its parts.
typedef struct {
  const char *scheme, *authority, *path, *target;
} parts;

static char *lower(char *text) {
  for (char *c = text; *c; c++) *c = (char)tolower((unsigned char)*c);
  return text;
}

static bool split(const char *method, const char *url, parts *found) {
  const char *at = url;
  while (isalnum((unsigned char)*at) || (*at && strchr("+.-", *at))) at++;
  if (*at != ':' || !isalpha((unsigned char)*url)) {
    return hw_fail("%s: the URL begins with neither http:// nor https://", method);
  }
  found->scheme = lower(hw_format("%.*s", (int)(at - url), url));
  if (strcmp(found->scheme, "http") != 0 && strcmp(found->scheme, "https") != 0) {
    return hw_fail("%s: the URL has to be one of http or https, not of %s", method, found->scheme);
  }
  at++;
  size_t host = strncmp(at, "//", 2) == 0 ? strcspn(at + 2, "/?#") : 0;
  if (!host) return hw_fail("%s: the URL names no host", method);
  found->authority = lower(hw_format("%.*s", (int)host, at + 2));
  if (strchr(found->authority, '@')) return hw_fail("%s: the URL names a user: send a header `authorization`", method);
  at += 2 + host;
  size_t path = strcspn(at, "?#"), whole = strcspn(at, "#");
  found->path = path ? hw_format("%.*s", (int)path, at) : "/";
  found->target = hw_format("%s%.*s", found->path, (int)(whole - path), at + path);
  return true;
}

static hook_string_t borrowed(const char *text) { return (hook_string_t){(uint8_t *)text, strlen(text)}; }

static bool make(const hw_request *request, const parts *url, wasi_http_types_own_outgoing_request_t *made) {
  wasi_http_types_tuple2_field_name_field_value_t fields[64];
  size_t count = 0;
  bool agent = false;
  for (const char *const *at = request->headers; at && at[0] && count < 62; at += 2) {
    agent = agent || strcmp(at[0], "user-agent") == 0;
    hook_string_t value = borrowed(at[1]);
    fields[count++] = (wasi_http_types_tuple2_field_name_field_value_t){borrowed(at[0]), {value.ptr, value.len}};
  }
  static const char *const NAMES[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  wasi_http_types_method_t method = {0};
  while (method.tag < WASI_HTTP_TYPES_METHOD_OTHER && strcmp(request->method, NAMES[method.tag]) != 0) method.tag++;
  method.val.other = borrowed(request->method);
  bool wants_length = method.tag == WASI_HTTP_TYPES_METHOD_POST || method.tag == WASI_HTTP_TYPES_METHOD_PUT ||
                      method.tag == WASI_HTTP_TYPES_METHOD_PATCH || request->length;
  if (wants_length) {
    // Without it the body goes out in chunks, which not every server takes.
    hook_string_t value = borrowed(hw_format("%zu", request->length));
    fields[count++] =
        (wasi_http_types_tuple2_field_name_field_value_t){borrowed("content-length"), {value.ptr, value.len}};
  }
  if (!agent) {
    hook_string_t value = borrowed("hookward-c/0.1.0");
    fields[count++] = (wasi_http_types_tuple2_field_name_field_value_t){borrowed("user-agent"), {value.ptr, value.len}};
  }
  wasi_http_types_list_tuple2_field_name_field_value_t list = {fields, count};
  wasi_http_types_own_fields_t headers;
  wasi_http_types_header_error_t wrong;
  if (!wasi_http_types_static_fields_from_list(&list, &headers, &wrong)) return false;
  *made = wasi_http_types_constructor_outgoing_request(headers);
  wasi_http_types_borrow_outgoing_request_t request_ = wasi_http_types_borrow_outgoing_request(*made);
  wasi_http_types_scheme_t scheme = {.tag = strcmp(url->scheme, "https") == 0};
  hook_string_t authority = borrowed(url->authority), target = borrowed(url->target);
  return wasi_http_types_method_outgoing_request_set_method(request_, &method) &&
         wasi_http_types_method_outgoing_request_set_scheme(request_, &scheme) &&
         wasi_http_types_method_outgoing_request_set_authority(request_, &authority) &&
         wasi_http_types_method_outgoing_request_set_path_with_query(request_, &target);
}

// Writes the body and ends it, and gives the reason where that fails.
static const char *send_body(wasi_http_types_own_outgoing_body_t body, const char *bytes, size_t length) {
  wasi_http_types_own_output_stream_t stream;
  if (!wasi_http_types_method_outgoing_body_write(wasi_http_types_borrow_outgoing_body(body), &stream)) return NULL;
  // At most so much at once.
  for (size_t at = 0; at < length; at += 4096) {
    hook_list_u8_t chunk = {(uint8_t *)bytes + at, length - at < 4096 ? length - at : 4096};
    wasi_io_streams_stream_error_t error;
    wasi_io_streams_borrow_output_stream_t to = wasi_io_streams_borrow_output_stream(stream);
    if (!wasi_io_streams_method_output_stream_blocking_write_and_flush(to, &chunk, &error)) return stream_error(&error);
  }
  wasi_io_streams_output_stream_drop_own(stream);
  error_code code;
  return wasi_http_types_static_outgoing_body_finish(body, NULL, &code) ? NULL : told(&code);
}

// Reads the response, and gives the reason where that fails.
static const char *receive(wasi_http_types_own_incoming_response_t own, size_t most, hw_response *response) {
  wasi_http_types_borrow_incoming_response_t from = wasi_http_types_borrow_incoming_response(own);
  response->status = wasi_http_types_method_incoming_response_status(from);
  wasi_http_types_own_headers_t headers = wasi_http_types_method_incoming_response_headers(from);
  wasi_http_types_list_tuple2_field_name_field_value_t entries;
  wasi_http_types_method_fields_entries(wasi_http_types_borrow_fields(headers), &entries);
  response->headers.ptr = malloc(entries.len * sizeof *response->headers.ptr + 1);
  if (!response->headers.ptr) abort();
  response->headers.len = entries.len;
  for (size_t at = 0; at < entries.len; at++) {
    hook_string_t value = {entries.ptr[at].f1.ptr, entries.ptr[at].f1.len};
    response->headers.ptr[at] = (hook_tuple2_string_string_t){entries.ptr[at].f0, value};
  }
  wasi_http_types_own_incoming_body_t body;
  wasi_http_types_own_input_stream_t stream;
  if (!wasi_http_types_method_incoming_response_consume(from, &body) ||
      !wasi_http_types_method_incoming_body_stream(wasi_http_types_borrow_incoming_body(body), &stream)) {
    return "the host doesn't give the body of the response";
  }
  size_t room = 0;
  for (;;) {
    hook_list_u8_t chunk;
    wasi_io_streams_stream_error_t error;
    wasi_io_streams_borrow_input_stream_t in = wasi_io_streams_borrow_input_stream(stream);
    if (!wasi_io_streams_method_input_stream_blocking_read(in, 64 * 1024, &chunk, &error)) {
      if (error.tag == WASI_IO_STREAMS_STREAM_ERROR_CLOSED) return NULL;
      const char *reason = stream_error(&error);
      return reason ? reason : "the response broke off";
    }
    if (response->length + chunk.len > most) {
      return hw_format("the body of the response is larger than %zu bytes", most);
    }
    if (response->length + chunk.len + 1 > room) {
      room = 2 * (response->length + chunk.len + 1);
      response->body = realloc(response->body, room);
      if (!response->body) abort();
    }
    if (chunk.len) memcpy(response->body + response->length, chunk.ptr, chunk.len);
    response->length += chunk.len;
    response->body[response->length] = '\0';
    hook_list_u8_free(&chunk);
  }
}

static const char *exchange(const hw_request *request, wasi_http_types_own_outgoing_request_t made, hw_response *response) {
  wasi_http_types_own_request_options_t options, *maybe_options = NULL;
  if (request->timeout > 0) {
    options = wasi_http_types_constructor_request_options();
    maybe_options = &options;
    wasi_http_types_borrow_request_options_t set = wasi_http_types_borrow_request_options(options);
    uint64_t nanos = (uint64_t)(request->timeout * 1e9);
    wasi_http_types_method_request_options_set_connect_timeout(set, &nanos);
    wasi_http_types_method_request_options_set_first_byte_timeout(set, &nanos);
    wasi_http_types_method_request_options_set_between_bytes_timeout(set, &nanos);
  }
  wasi_http_types_own_outgoing_body_t body;
  bool has_body = request->length &&
                  wasi_http_types_method_outgoing_request_body(wasi_http_types_borrow_outgoing_request(made), &body);
  wasi_http_types_own_future_incoming_response_t future;
  error_code code;
  if (!wasi_http_outgoing_handler_handle(made, maybe_options, &future, &code)) return told(&code);
  // The host starts to read the body when the request is on its way, not before. When
  // that fails, the response mostly tells why.
  const char *failed = has_body ? send_body(body, request->body, request->length) : NULL;
  wasi_http_types_borrow_future_incoming_response_t coming = wasi_http_types_borrow_future_incoming_response(future);
  wasi_http_types_own_pollable_t ready = wasi_http_types_method_future_incoming_response_subscribe(coming);
  wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(ready));
  wasi_io_poll_pollable_drop_own(ready);
  wasi_http_types_result_result_own_incoming_response_error_code_void_t answer;
  if (!wasi_http_types_method_future_incoming_response_get(coming, &answer) || answer.is_err) {
    return failed ? failed : "the host gave no response";
  }
  if (answer.val.ok.is_err) return told(&answer.val.ok.val.err);
  return receive(answer.val.ok.val.ok, request->max_body ? request->max_body : 4 * 1024 * 1024, response);
}

bool hw_send(const hw_request *request, hw_response *response) {
  parts url;
  if (!split(request->method, request->url, &url)) return false;
  *response = (hw_response){.method = request->method, .body = "", .length = 0};
  response->url = hw_format("%s://%s%s", url.scheme, url.authority, url.path);
  response->body = calloc(1, 1);
  wasi_http_types_own_outgoing_request_t made;
  const char *wrong = NULL;
  if (request->timeout < 0) {
    wrong = "a timeout of zero leaves no time at all";
  } else if (!make(request, &url, &made)) {
    wrong = "the request can't be sent as it stands";
  } else {
    wrong = exchange(request, made, response);
  }
  return wrong ? hw_fail("%s %s: %s", request->method, response->url, wrong) : true;
}

// The bytes of the character at a place, or 0 where it isn't one of UTF-8.
static size_t character(const uint8_t *at, size_t left) {
  size_t length = *at < 0x80 ? 1 : *at >= 0xc2 && *at < 0xe0 ? 2 : *at >= 0xe0 && *at < 0xf0 ? 3 : *at >= 0xf0 && *at < 0xf5 ? 4 : 0;
  if (!length || length > left) return 0;
  for (size_t n = 1; n < length; n++) {
    if ((at[n] & 0xc0) != 0x80) return 0;
  }
  bool wrong = (*at == 0xe0 && at[1] < 0xa0) || (*at == 0xed && at[1] >= 0xa0) || (*at == 0xf0 && at[1] < 0x90) ||
               (*at == 0xf4 && at[1] >= 0x90);
  return wrong ? 0 : length;
}

bool hw_expect_success(const hw_response *response) {
  if (response->status >= 200 && response->status < 300) return true;
  const uint8_t *at = (const uint8_t *)response->body, *end = at + response->length;
  while (at < end && isspace(*at)) at++;
  while (end > at && isspace(end[-1])) end--;
  // The begin of the body, with what isn't text replaced.
  char text[200 * 4 + 1];
  size_t length = 0;
  for (int count = 0; at < end && count < 200; count++) {
    size_t bytes = character(at, (size_t)(end - at));
    memcpy(text + length, bytes ? (const char *)at : "\xef\xbf\xbd", bytes ? bytes : 3);
    length += bytes ? bytes : 3;
    at += bytes ? bytes : 1;
  }
  text[length] = '\0';
  return hw_fail("%s %s: status %d%s%s", response->method, response->url, response->status, length ? ": " : "", text);
}
