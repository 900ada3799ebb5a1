// HTTP to the hosts that the operator named. The world needs
// `import wasi:http/outgoing-handler@0.2.0`, the operator the grant `http`.

import { handle } from "wasi:http/outgoing-handler@0.2.0";
import { Fields, OutgoingBody, OutgoingRequest, RequestOptions, httpErrorCode } from "wasi:http/types@0.2.0";
import { failure, HookError } from "./index.js";
import { decode, encode } from "./utf8.js";

/** Why a request has no answer that the hook can use. */
export class HttpError extends HookError {
  constructor(method, url, reason, status) {
    super(`${method}${url && " "}${url}: ${reason}`);
    /** Without the method and the URL. */
    this.reason = reason;
    this.status = status;
  }
}

/** What a server answered. */
class Response {
  constructor(method, url, status, headers, body) {
    Object.assign(this, { method, url, status, headers, body });
  }

  text() {
    return decode(this.body);
  }

  json() {
    return JSON.parse(this.text());
  }

  /** The first of that name, or undefined. */
  header(name) {
    const found = this.headers.find(([key]) => key.toLowerCase() === name.toLowerCase());
    return found && decode(found[1]);
  }

  /** Makes a status that is none of success an error, which tells the begin of the body. */
  errorForStatus() {
    if (this.status >= 200 && this.status < 300) return this;
    // So that no character of the 200 is cut in two.
    const told = [...decode(this.body.subarray(0, 4096)).trim()].slice(0, 200).join("");
    throw new HttpError(this.method, this.url, `status ${this.status}${told && ": "}${told}`, this.status);
  }
}

const URL = /^([a-z][a-z0-9+.-]*):(?:\/\/([^/?#]*))?([^?#]*)(\?[^#]*)?(?:#.*)?$/i;
const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];

/**
 * Sends a request and waits for the whole response, whatever its status.
 *
 * `timeout`, in seconds, is for the connection and for each wait for the server.
 * Redirects aren't followed: they are the response.
 */
export function request(method, url, { headers = {}, body = "", json, timeout, maxBody = 4 * 1024 * 1024 } = {}) {
  const match = URL.exec(url);
  if (!match) throw new HttpError(method, "", "the URL begins with neither http:// nor https://");
  const [, , authority = "", path, query = ""] = match;
  const scheme = match[1].toLowerCase();
  if (scheme !== "http" && scheme !== "https") {
    throw new HttpError(method, "", `the URL has to be one of http or https, not of ${scheme}`);
  }
  if (!authority) throw new HttpError(method, "", "the URL names no host");
  if (authority.includes("@")) throw new HttpError(method, "", "the URL names a user: send a header `authorization`");
  // Without the query, where tokens like to stand.
  const shown = `${scheme}://${authority.toLowerCase()}${path || "/"}`;
  if (timeout !== undefined && timeout <= 0) {
    throw new HttpError(method, shown, "a timeout of zero leaves no time at all");
  }

  const all = { "user-agent": "hookward-javascript/0.1.0", ...headers };
  if (json !== undefined) all["content-type"] ??= "application/json";
  const bytes = typeof (json ?? body) === "string" ? encode(json ?? body) : body;
  if (bytes.length || ["POST", "PUT", "PATCH"].includes(method)) all["content-length"] = String(bytes.length);
  let outgoing;
  try {
    outgoing = new OutgoingRequest(Fields.fromList(Object.entries(all).map(([key, value]) => [key, encode(value)])));
    outgoing.setMethod(METHODS.includes(method) ? { tag: method.toLowerCase() } : { tag: "other", val: method });
    outgoing.setScheme({ tag: scheme.toUpperCase() });
    outgoing.setAuthority(authority.toLowerCase());
    outgoing.setPathWithQuery((path || "/") + query);
  } catch {
    throw new HttpError(method, shown, "the request can't be sent as it stands");
  }
  try {
    const { status, headers: fields, received } = exchange(outgoing, bytes, timeout, maxBody);
    return new Response(method, shown, status, fields, received);
  } catch (problem) {
    if (problem instanceof Problem) throw new HttpError(method, shown, problem.message);
    throw problem;
  }
}

class Problem extends Error {}

function exchange(outgoing, body, timeout, maxBody) {
  let options = null;
  if (timeout !== undefined) {
    options = new RequestOptions();
    const nanos = Math.max(1, Math.floor(timeout * 1e9));
    options.setConnectTimeout(nanos);
    options.setFirstByteTimeout(nanos);
    options.setBetweenBytesTimeout(nanos);
  }
  const sending = body.length ? outgoing.body() : null;
  let future;
  try {
    future = handle(outgoing, options);
  } catch (error) {
    throw new Problem(told(failure(error)));
  }
  // The host starts to read the body when the request is on its way, not before. When
  // that fails, the response mostly tells why.
  const failed = sending && send(sending, body);
  const ready = future.subscribe();
  ready.block();
  ready[Symbol.dispose]();
  const answer = future.get()?.val;
  if (answer?.tag !== "ok") {
    const code = answer?.val ?? failed;
    throw new Problem(code ? told(code) : "the host gave no response");
  }
  const response = answer.val;
  const fields = response.headers();
  const [status, headers] = [response.status(), fields.entries()];
  const incoming = response.consume();
  const stream = incoming.stream();
  try {
    return { status, headers, received: receive(stream, maxBody) };
  } finally {
    // Before what they came of, which is what the engine's garbage collector can't know.
    for (const child of [stream, incoming, fields, response]) child[Symbol.dispose]();
  }
}

function receive(stream, maxBody) {
  const chunks = [];
  let length = 0;
  for (;;) {
    let chunk;
    try {
      chunk = stream.blockingRead(64 * 1024);
    } catch (error) {
      const { tag, val } = failure(error);
      if (tag === "closed") break;
      const code = httpErrorCode(val);
      throw new Problem(code ? told(code) : "the response broke off");
    }
    length += chunk.length;
    if (length > maxBody) throw new Problem(`the body of the response is larger than ${maxBody} bytes`);
    chunks.push(chunk);
  }
  const received = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    received.set(chunk, at);
    at += chunk.length;
  }
  return received;
}

/** The code of what went wrong, or null. */
function send(sending, body) {
  const stream = sending.write();
  try {
    // At most so much at once.
    for (let at = 0; at < body.length; at += 4096) stream.blockingWriteAndFlush(body.subarray(at, at + 4096));
  } catch (error) {
    const { tag, val } = failure(error);
    return tag === "last-operation-failed" ? httpErrorCode(val) : null;
  } finally {
    stream[Symbol.dispose]();
  }
  try {
    OutgoingBody.finish(sending, null);
  } catch (error) {
    return failure(error);
  }
  return null;
}

const TOLD = {
  "dns-timeout": "the name of the server was not resolved in time",
  "dns-error": "the name of the server can't be resolved",
  "destination-not-found": "there is no such server",
  "destination-unavailable": "the server can't be reached",
  "destination-ip-prohibited": "the host doesn't allow the address of the server",
  "destination-ip-unroutable": "there is no route to the server",
  "connection-refused": "the connection was refused",
  "connection-terminated": "the connection was closed too early",
  "connection-timeout": "no connection was made in time",
  "connection-read-timeout": "the server stopped sending for too long",
  "connection-write-timeout": "the server stopped reading for too long",
  "connection-limit-reached": "the host allows this hook no more connections",
  "tls-protocol-error": "no secure connection could be made (TLS)",
  "tls-certificate-error": "the server's certificate can't be trusted",
  "tls-alert-received": "the server refused the secure connection (TLS)",
  "http-request-denied": "the host doesn't allow it: grant it in `grants.http`",
  "http-request-length-required": "the request has to tell its length",
  "http-request-body-size": "the body of the request is too large",
  "http-request-method-invalid": "this can't be a method",
  "http-request-uri-invalid": "the URL can't be used",
  "http-request-uri-too-long": "the URL is too long",
  "http-request-header-section-size": "the headers of the request are too large",
  "http-request-header-size": "a header of the request is too large",
  "http-response-incomplete": "the response ended too early",
  "http-response-header-section-size": "the headers of the response are too large",
  "http-response-header-size": "a header of the response is too large",
  "http-response-body-size": "the body of the response is larger than the host lets through",
  "http-response-transfer-coding": "the response comes in a transfer coding that isn't known",
  "http-response-content-coding": "the response comes in a content coding that isn't known",
  "http-response-timeout": "the server didn't answer in time",
  "http-upgrade-failed": "the server refused to change the protocol",
  "http-protocol-error": "the server broke the rules of HTTP",
  "loop-detected": "the request went round in a circle",
  "configuration-error": "the host isn't set up for this request",
  "internal-error": "the host failed",
};

function told({ tag, val }) {
  const message = TOLD[tag.toLowerCase()] ?? `the host says ${tag}`;
  if (typeof val === "number") return `${message} (${val} bytes)`;
  const detail = val?.rcode ?? val?.alertMessage ?? val?.fieldName ?? val;
  return typeof detail === "string" && detail ? `${message}: ${detail}` : message;
}
