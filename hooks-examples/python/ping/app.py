"""Sends the event to a URL as JSON. Settings: those of hooks-examples/ping."""

import hookward

EVENTS = ("before", "success", "warning", "failure", "cancelled", "skipped", "finally")


def run(event):
    config = hookward.config("url", "method", "suffix", "timeout")
    url = config.text("url")
    method = config.choice("method", ("GET", "HEAD", "POST", "PUT"), "POST")
    suffix = config.table("suffix", {})
    # A server that is down must not hold up a backup for long.
    timeout = config.duration("timeout", 10)
    for name in sorted(suffix):
        if name not in EVENTS:
            raise hookward.ConfigError("suffix", f"`{name}` is no event")

    if event.dry_run:
        hookward.info("nothing is pinged in a dry run")
        return
    kind = hookward.name(event.kind)
    body = hookward.to_json(event) if method in ("POST", "PUT") else None
    response = hookward.request(method, url + suffix.get(kind, ""), json_text=body, timeout=timeout)
    hookward.info("pinged", event=kind, status=response.error_for_status().status)


WitWorld = hookward.hook(run)
