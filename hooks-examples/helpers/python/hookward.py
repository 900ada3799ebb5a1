# hookward-python 0.1.0: what a hook in Python wants beside its bindings.
"""What a hook in Python wants beside its bindings: settings, messages, errors, HTTP,
secrets, state, commands of the host, changes of the backup.

One file, copied into the project of a hook::

    import hookward

    def run(event):
        path = hookward.config("path").text("path")
        if not os.path.exists(path):
            raise hookward.Error(f"{path} isn't there")
        hookward.info("it is there", path=path)

    WitWorld = hookward.hook(run)
"""

import enum
import importlib
import json
import re
import sys
import traceback
from collections.abc import MutableMapping
from dataclasses import dataclass, fields, is_dataclass

from componentize_py_types import Err, Ok


def _imported(module):
    """A module of the bindings, or None where the world doesn't import it. All of them
    are loaded now: once the component is built there is no file to load them from."""
    try:
        return importlib.import_module(f"wit_world.imports.{module}")
    except ImportError:
        return None


_log_module = _imported("hookward_hook_log_0_1_0")
_control = _imported("hookward_hook_control_0_1_0")
_store = _imported("wasi_config_store_0_2_0_rc_1")
_types = _imported("wasi_http_types_0_2_0")
_handler = _imported("wasi_http_outgoing_handler_0_2_0")
_secrets = _imported("hookward_hook_secrets_0_1_0")
_command = _imported("hookward_hook_command_0_1_0")
_plan = _imported("hookward_hook_plan_0_1_0")
_keyvalue = _imported("wasi_keyvalue_store_0_2_0_draft")


class Error(Exception):
    """Raised, it is what the operator is told: the hook has failed."""


def _needed(module, name):
    """The module of an interface; an error where the world doesn't import it."""
    if module is None:
        raise Error(f"the hook's world has no `import {name}`")
    return module


def hook(function):
    """The component around a function of one event.

    An `Error` or `OSError` that it raises is told as it stands, anything else with its
    type, and where it was raised on stderr.
    """

    class WitWorld:
        def run(self, event):
            try:
                function(event)
            except (Error, OSError) as error:
                raise Err(str(error)) from None
            except Err as error:
                raise Err(str(error.value)) from None
            except Exception as error:
                traceback.print_exc()
                raise Err(f"{type(error).__name__}: {error}") from None

    return WitWorld


# The event.


def name(value):
    """The contract's name of a value such as `event.kind`: `before`, `success`, ..."""
    return value.name.lower().replace("_", "-")


def to_json(event):
    """The event as JSON, as `hookward hook call --event` reads it."""
    return json.dumps(_plain(event), ensure_ascii=False, separators=(",", ":"))


def _plain(value):
    if isinstance(value, enum.Enum):
        return name(value)
    if is_dataclass(value):
        return {field.name.replace("_", "-"): _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


# Messages for the operator. `info("pinged", status=200)`: keywords are fields.


def _log(level, message, values):
    fields = [_log_module.Field(key, str(value)) for key, value in values.items()]
    _log_module.write(_log_module.Level[level], message, fields)


def trace(message, **values):
    _log("TRACE", message, values)


def debug(message, **values):
    _log("DEBUG", message, values)


def info(message, **values):
    _log("INFO", message, values)


def warn(message, **values):
    _log("WARN", message, values)


def error(message, **values):
    _log("ERROR", message, values)


def skip(reason):
    """Asks that this run be skipped: heard in `before` when the hook then returns."""
    _control.skip(reason)


def add_warning(message):
    """Adds a warning to the run's report."""
    _control.warn(message)


# Settings. The world needs `import wasi:config/store@0.2.0-rc.1`.

_REQUIRED = object()


class ConfigError(Error):
    """A setting that can't be used."""

    def __init__(self, key, message):
        super().__init__(f"config key `{key}`: {message}")


def config(*known):
    """The hook's `config` table. A key that isn't known is an error."""
    entries = dict(sorted(_store.get_all()))
    for key in entries:
        if key not in known:
            names = ", ".join(f"`{name}`" for name in known)
            says = f", the known ones are {names}" if known else ": this hook takes no config"
            raise Error(f"config key `{key}` is not known{says}")
    return Config(entries)


class Config:
    """The settings by their keys. A method without a default wants the key to be there.

    The host keeps a string of the table as its text, and everything else as JSON.
    """

    def __init__(self, entries):
        self._entries = entries

    def _read(self, key, default, read):
        text = self._entries.get(key)
        if text is None:
            if default is _REQUIRED:
                raise Error(f"config key `{key}` is missing")
            return default
        return read(text)

    def _wrong(self, key, text, expected, kind="type"):
        return ConfigError(key, f"invalid {kind}: string {json.dumps(text, ensure_ascii=False)}, expected {expected}")

    def _json(self, key, default, expected, fits):
        def read(text):
            try:
                value = json.loads(text)
            except ValueError:
                value = None
            if not fits(value):
                raise self._wrong(key, text, expected)
            return value

        return self._read(key, default, read)

    def text(self, key, default=_REQUIRED):
        return self._read(key, default, lambda text: text)

    def flag(self, key, default=_REQUIRED):
        return self._json(key, default, "a boolean", lambda value: isinstance(value, bool))

    def number(self, key, default=_REQUIRED):
        """A whole number from 0 on."""
        fits = lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return self._json(key, default, "u64", fits)

    def choice(self, key, names, default=_REQUIRED):
        def read(text):
            if text not in names:
                known = ", ".join(f"`{name}`" for name in names)
                raise ConfigError(key, f"unknown variant `{text}`, expected one of {known}")
            return text

        return self._read(key, default, read)

    def texts(self, key, default=_REQUIRED):
        """A list of strings."""
        fits = lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value)
        return self._json(key, default, "a sequence", fits)

    def table(self, key, default=_REQUIRED):
        """A table of strings."""
        fits = lambda value: isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
        return self._json(key, default, "a map", fits)

    def duration(self, key, default=_REQUIRED):
        """A time such as `90s` or `1h 30m`, in seconds."""

        def read(text):
            seconds = parse_duration(text)
            if seconds is None:
                raise self._wrong(key, text, "a duration", "value")
            return seconds

        return self._read(key, default, read)

    def size(self, key, default=_REQUIRED):
        """A size such as `1MiB` or `4096`, in bytes."""

        def read(text):
            size = parse_size(text)
            if size is None:
                raise self._wrong(key, text, "parsable string", "value")
            return size

        return self._read(key, default, read)


_UNITS = {
    1e-9: "nanos nsec ns",
    1e-6: "usec us µs",
    1e-3: "millis msec ms",
    1: "seconds second secs sec s",
    60: "minutes minute min mins m",
    3600: "hours hour hr hrs h",
    86400: "days day d",
    604800: "weeks week wk wks w",
    2630016: "months month M",
    31557600: "years year yr yrs y",
}
_SECONDS = {unit: seconds for seconds, units in _UNITS.items() for unit in units.split()}


def parse_duration(text):
    """Seconds, or None."""
    if text == "0":
        return 0
    if not re.fullmatch(r"\s*(\d+(\.\d+)?\s*[a-zA-Zµ]+\s*)+", text):
        return None
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([a-zA-Zµ]+)", text)
    if any(unit not in _SECONDS for _, unit in parts):
        return None
    return sum((float(number) if "." in number else int(number)) * _SECONDS[unit] for number, unit in parts)


def format_duration(seconds):
    """As people write it: `1day 1h 5m`."""
    whole = int(seconds)
    parts = []
    for size, unit, plural in ((31557600, "year", "s"), (2630016, "month", "s"), (86400, "day", "s")):
        count, whole = divmod(whole, size)
        if count:
            parts.append(f"{count}{unit}{plural if count > 1 else ''}")
    millis = round((seconds - int(seconds)) * 1000)
    for count, unit in ((whole // 3600, "h"), (whole // 60 % 60, "m"), (whole % 60, "s"), (millis, "ms")):
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0s"


_BINARY = "KMGTPE"


def parse_size(text):
    """Bytes, or None."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(b|([kmgtpe])(i?)b?)?", text, re.IGNORECASE)
    if not match or ("." in match[1] and not match[2]):
        return None
    power = _BINARY.index(match[3].upper()) + 1 if match[3] else 0
    factor = (1024 if match[4] else 1000) ** power
    return int(float(match[1]) * factor) if "." in match[1] else int(match[1]) * factor


def format_size(size):
    """As people write it: `1.5 MiB`."""
    if size < 1024:
        return f"{size} B"
    power = 1
    while power < len(_BINARY) and size >= 1024 ** (power + 1):
        power += 1
    return f"{size / 1024**power:.1f} {_BINARY[power - 1]}iB"


# Secrets. The world needs `import hookward:hook/secrets@0.1.0`, the operator the grant
# `secrets`.


class HostError(Error):
    """What the host says where it doesn't do what it is asked for."""

    def __init__(self, error):
        super().__init__(error.value)
        self.kind = re.sub("(?<!^)(?=[A-Z])", "-", type(error).__name__.rpartition("_")[2]).lower()
        """Which case of the contract: `unknown`, `refused`, `not-granted`, ..."""


def secret(name):
    """The value of a secret, by its name in the grant."""
    try:
        return _needed(_secrets, "hookward:hook/secrets@0.1.0").get(name)
    except Err as error:
        raise HostError(error.value) from None


# State. The world needs `import wasi:keyvalue/store@0.2.0-draft`, the operator the grant
# `state`.


class StateError(Error):
    """Why state can't be read or kept."""


class State(MutableMapping):
    """What this hook has kept in this profile: `state["runs"] = state.get("runs", 0) + 1`.

    Values are those of JSON. It is kept when the hook returns, and not when it fails.
    """

    def _call(self, function, *arguments):
        try:
            return function(*arguments)
        except Err as error:
            if type(error.value).__name__ == "Error_Other":
                raise StateError(f"state: {error.value.value}") from None
            raise StateError("the host doesn't let this hook keep state: grant it `state`") from None

    def _with(self, use):
        keyvalue = _needed(_keyvalue, "wasi:keyvalue/store@0.2.0-draft")
        with self._call(keyvalue.open, "") as bucket:
            return use(bucket)

    def get_bytes(self, key):
        """A value as it is kept, or None."""
        return self._with(lambda bucket: self._call(bucket.get, key))

    def set_bytes(self, key, value):
        self._with(lambda bucket: self._call(bucket.set, key, bytes(value)))

    def __getitem__(self, key):
        value = self.get_bytes(key)
        if value is None:
            raise KeyError(key)
        try:
            return json.loads(value)
        except ValueError as error:
            raise StateError(f"state `{key}`: {error}") from None

    def __setitem__(self, key, value):
        try:
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        except (TypeError, ValueError) as error:
            raise StateError(f"state `{key}`: {error}") from None
        self.set_bytes(key, text.encode())

    def __delitem__(self, key):
        def delete(bucket):
            if not self._call(bucket.exists, key):
                raise KeyError(key)
            self._call(bucket.delete, key)

        self._with(delete)

    def __contains__(self, key):
        return self._with(lambda bucket: self._call(bucket.exists, key))

    def __iter__(self):
        def keys(bucket):
            found, cursor = [], None
            while True:
                page = self._call(bucket.list_keys, cursor)
                found += page.keys
                cursor = page.cursor
                if cursor is None:
                    return found

        return iter(sorted(self._with(keys)))

    def __len__(self):
        return len(list(iter(self)))


state = State()


# Commands of the host. The world needs `import hookward:hook/command@0.1.0`, the operator
# the grant `commands`.


@dataclass
class Output:
    """What a command left behind. It has a code, or else the signal that killed it."""

    code: int | None
    signal: int | None
    stdout: bytes
    stdout_truncated: bool
    stderr: bytes
    stderr_truncated: bool

    def text(self):
        """stdout as text, without the white space at its end."""
        return self.stdout.decode(errors="replace").rstrip()

    def stderr_text(self):
        return self.stderr.decode(errors="replace").rstrip()


class CommandError(Error):
    """A command that ran and didn't end with exit code 0."""

    def __init__(self, name, output):
        how = f"was killed by signal {output.signal}" if output.code is None else f"ended with exit code {output.code}"
        lines = [line.strip() for line in output.stderr_text().splitlines() if line.strip()]
        # What a program says last is mostly why.
        said = " / ".join(lines[-3:])
        super().__init__(f"command `{name}` {how}{': ' if said else ''}{said}")
        self.output = output


def command(name, places=None, *, env=None, stdin=None, check=True):
    """Runs a command to its end, by its name in the grant: `command("unit", {"verb": "stop"})`.

    `places` fills the open places of its arguments. Where `check` is false it may end
    as it likes.
    """
    module = _needed(_command, "hookward:hook/command@0.1.0")
    entries = lambda table: [module.Entry(key, str(value)) for key, value in (table or {}).items()]
    stdin = stdin.encode() if isinstance(stdin, str) else stdin
    try:
        output = module.run(module.Invocation(name, entries(places), entries(env), stdin))
    except Err as error:
        raise HostError(error.value) from None
    signalled = type(output.exit).__name__ == "Exit_Signal"
    end = output.exit.value
    output = Output(
        None if signalled else end,
        end if signalled else None,
        output.stdout,
        output.stdout_truncated,
        output.stderr,
        output.stderr_truncated,
    )
    if check and output.code != 0:
        raise CommandError(name, output)
    return output


# Changes of the backup that is about to start, heard in `before`. The world needs
# `import hookward:hook/plan@0.1.0`, the operator the grant `plan` with the part.


class plan:
    """`plan.add_tags(["frozen"])`: all changes take effect together when the hook returns."""

    @staticmethod
    def _change(name, *arguments):
        module = _needed(_plan, "hookward:hook/plan@0.1.0")
        try:
            getattr(module, name)(*arguments)
        except Err as error:
            raise HostError(error.value) from None

    @staticmethod
    def set_sources(paths):
        """Backs these up instead: absolute paths of the host."""
        plan._change("set_sources", [str(path) for path in paths])

    @staticmethod
    def add_sources(paths):
        plan._change("add_sources", [str(path) for path in paths])

    @staticmethod
    def add_tags(tags):
        plan._change("add_tags", list(tags))

    @staticmethod
    def add_excludes(patterns):
        plan._change("add_excludes", list(patterns))

    @staticmethod
    def set_env(name, value):
        """Sets a variable in restic's environment."""
        plan._change("set_env", name, value)


# HTTP. The world needs `import wasi:http/outgoing-handler@0.2.0`, the operator the
# grant `http`.


class HttpError(Error):
    """Why a request has no answer that the hook can use."""

    def __init__(self, method, url, reason, status=None):
        super().__init__(f"{method}{' ' if url else ''}{url}: {reason}")
        self.reason = reason
        """Without the method and the URL."""
        self.status = status


@dataclass
class Response:
    """What a server answered."""

    method: str
    url: str
    status: int
    headers: list
    body: bytes

    def text(self):
        return self.body.decode(errors="replace")

    def json(self):
        return json.loads(self.body)

    def header(self, name):
        """The first of that name, or None."""
        return next((value.decode(errors="replace") for key, value in self.headers if key.lower() == name.lower()), None)

    def error_for_status(self):
        """Makes a status that is none of success an error, which tells the begin of the body."""
        if 200 <= self.status < 300:
            return self
        told = self.text().strip()[:200]
        raise HttpError(self.method, self.url, f"status {self.status}{': ' if told else ''}{told}", self.status)


_URL = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*):(//(?P<authority>[^/?#]*))?(?P<path>[^?#]*)(?P<query>\?[^#]*)?(#.*)?")


def request(method, url, *, headers=None, body=b"", json_text=None, timeout=None, max_body=4 * 1024 * 1024):
    """Sends a request and waits for the whole response, whatever its status.

    `timeout`, in seconds, is for the connection and for each wait for the server.
    Redirects aren't followed: they are the response.
    """
    types = _needed(_handler and _types, "wasi:http/outgoing-handler@0.2.0")
    match = _URL.fullmatch(url)
    if not match:
        raise HttpError(method, "", "the URL begins with neither http:// nor https://")
    scheme, authority = match["scheme"].lower(), match["authority"]
    if scheme not in ("http", "https"):
        raise HttpError(method, "", f"the URL has to be one of http or https, not of {scheme}")
    if not authority:
        raise HttpError(method, "", "the URL names no host")
    if "@" in authority:
        raise HttpError(method, "", "the URL names a user: send a header `authorization`")
    path = match["path"] or "/"
    # Without the query, where tokens like to stand.
    shown = f"{scheme}://{authority.lower()}{path}"
    if timeout is not None and timeout <= 0:
        raise HttpError(method, shown, "a timeout of zero leaves no time at all")
    headers = dict(headers or {})
    if json_text is not None:
        body = json_text
        headers.setdefault("content-type", "application/json")
    body = body.encode() if isinstance(body, str) else body
    if body or method in ("POST", "PUT", "PATCH"):
        headers["content-length"] = str(len(body))
    headers.setdefault("user-agent", "hookward-python/0.1.0")
    try:
        outgoing = types.OutgoingRequest(types.Fields.from_list([(key, value.encode()) for key, value in headers.items()]))
        known = getattr(types, f"Method_{method.capitalize()}", None)
        outgoing.set_method(known() if known and method.isupper() else types.Method_Other(method))
        outgoing.set_scheme(types.Scheme_Https() if scheme == "https" else types.Scheme_Http())
        outgoing.set_authority(authority.lower())
        outgoing.set_path_with_query(path + (match["query"] or ""))
    except Err:
        raise HttpError(method, shown, "the request can't be sent as it stands") from None
    try:
        status, fields, received = _exchange(types, outgoing, body, timeout, max_body)
    except _Problem as problem:
        raise HttpError(method, shown, str(problem)) from None
    return Response(method, shown, status, fields, received)


class _Problem(Exception):
    pass


def _exchange(types, outgoing, body, timeout, max_body):
    options = None
    if timeout is not None:
        options = types.RequestOptions()
        nanos = max(1, int(timeout * 1e9))
        options.set_connect_timeout(nanos)
        options.set_first_byte_timeout(nanos)
        options.set_between_bytes_timeout(nanos)
    sending = outgoing.body() if body else None
    try:
        future = _handler.handle(outgoing, options)
    except Err as error:
        raise _Problem(_told(error.value)) from None
    # The host starts to read the body when the request is on its way, not before. When
    # that fails, the response mostly tells why.
    failed = _send(types, sending, body) if body else None
    with future.subscribe() as ready:
        ready.block()
    answer = future.get()
    answer = answer.value if isinstance(answer, Ok) else None
    if answer is None or isinstance(answer, Err):
        code = answer.value if answer else failed
        raise _Problem(_told(code) if code else "the host gave no response")
    response = answer.value
    status, headers = response.status(), response.headers().entries()
    received = bytearray()
    with response.consume() as incoming, incoming.stream() as stream:
        while True:
            try:
                chunk = stream.blocking_read(64 * 1024)
            except Err as error:
                code = _code(types, error.value)
                if type(error.value).__name__ == "StreamError_Closed":
                    return status, headers, bytes(received)
                raise _Problem(_told(code) if code else "the response broke off") from None
            if len(received) + len(chunk) > max_body:
                raise _Problem(f"the body of the response is larger than {max_body} bytes")
            received += chunk


def _send(types, sending, body):
    try:
        with sending.write() as stream:
            # At most so much at once.
            for start in range(0, len(body), 4096):
                stream.blocking_write_and_flush(body[start : start + 4096])
        types.OutgoingBody.finish(sending, None)
    except Err as error:
        value = error.value
        return _code(types, value) if type(value).__name__.startswith("StreamError") else value
    return None


def _code(types, error):
    """What HTTP says of a stream's error, where it says something."""
    failed = getattr(error, "value", None)
    return types.http_error_code(failed) if failed is not None else None


_TOLD = {
    "DnsTimeout": "the name of the server was not resolved in time",
    "DnsError": "the name of the server can't be resolved",
    "DestinationNotFound": "there is no such server",
    "DestinationUnavailable": "the server can't be reached",
    "DestinationIpProhibited": "the host doesn't allow the address of the server",
    "DestinationIpUnroutable": "there is no route to the server",
    "ConnectionRefused": "the connection was refused",
    "ConnectionTerminated": "the connection was closed too early",
    "ConnectionTimeout": "no connection was made in time",
    "ConnectionReadTimeout": "the server stopped sending for too long",
    "ConnectionWriteTimeout": "the server stopped reading for too long",
    "ConnectionLimitReached": "the host allows this hook no more connections",
    "TlsProtocolError": "no secure connection could be made (TLS)",
    "TlsCertificateError": "the server's certificate can't be trusted",
    "TlsAlertReceived": "the server refused the secure connection (TLS)",
    "HttpRequestDenied": "the host doesn't allow it: grant it in `grants.http`",
    "HttpRequestLengthRequired": "the request has to tell its length",
    "HttpRequestBodySize": "the body of the request is too large",
    "HttpRequestMethodInvalid": "this can't be a method",
    "HttpRequestUriInvalid": "the URL can't be used",
    "HttpRequestUriTooLong": "the URL is too long",
    "HttpRequestHeaderSectionSize": "the headers of the request are too large",
    "HttpRequestHeaderSize": "a header of the request is too large",
    "HttpResponseIncomplete": "the response ended too early",
    "HttpResponseHeaderSectionSize": "the headers of the response are too large",
    "HttpResponseHeaderSize": "a header of the response is too large",
    "HttpResponseBodySize": "the body of the response is larger than the host lets through",
    "HttpResponseTransferCoding": "the response comes in a transfer coding that isn't known",
    "HttpResponseContentCoding": "the response comes in a content coding that isn't known",
    "HttpResponseTimeout": "the server didn't answer in time",
    "HttpUpgradeFailed": "the server refused to change the protocol",
    "HttpProtocolError": "the server broke the rules of HTTP",
    "LoopDetected": "the request went round in a circle",
    "ConfigurationError": "the host isn't set up for this request",
    "InternalError": "the host failed",
}


def _told(code):
    kind = type(code).__name__.removeprefix("ErrorCode_")
    message = _TOLD.get(kind, f"the host says {kind}")
    detail = getattr(code, "value", None)
    detail = getattr(detail, "rcode", getattr(detail, "alert_message", getattr(detail, "field_name", detail)))
    if isinstance(detail, int):
        return f"{message} ({detail} bytes)"
    return f"{message}: {detail}" if isinstance(detail, str) and detail else message
