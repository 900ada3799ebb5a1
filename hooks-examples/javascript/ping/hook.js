// Sends the event to a URL as JSON. Settings: those of hooks-examples/ping.

import { choice, config, ConfigError, duration, hook, info, table, text, toJson } from "./hookward/index.js";
import { request } from "./hookward/http.js";

const EVENTS = ["before", "success", "warning", "failure", "cancelled", "skipped", "finally"];

export const run = hook((event) => {
  const { url, method, suffix, timeout } = config({
    url: text(),
    method: choice(["GET", "HEAD", "POST", "PUT"], "POST"),
    suffix: table({}),
    // A server that is down must not hold up a backup for long.
    timeout: duration(10),
  });
  const unknown = Object.keys(suffix).sort().find((name) => !EVENTS.includes(name));
  if (unknown !== undefined) throw new ConfigError("suffix", `\`${unknown}\` is no event`);

  if (event.dryRun) {
    info("nothing is pinged in a dry run");
    return;
  }
  const json = method === "POST" || method === "PUT" ? toJson(event) : undefined;
  const response = request(method, url + (suffix[event.kind] ?? ""), { json, timeout }).errorForStatus();
  info("pinged", { event: event.kind, status: response.status });
});
