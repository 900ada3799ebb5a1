// hookward-javascript 0.1.0.
// What a hook in JavaScript wants beside its bindings: settings, messages, errors.
// HTTP is in ./http.js, files in ./fs.js, and so are ./secrets.js, ./state.js, ./command.js
// and ./plan.js: each is an import of the component, and so a request to the operator.
//
//   import { config, hook, HookError, info } from "./hookward/index.js";
//
//   export const run = hook((event) => {
//     const { greeting } = config({ greeting: text() });
//     info("called", { kind: event.kind });
//   });

import { write } from "hookward:hook/log@0.1.0";
import * as control from "hookward:hook/control@0.1.0";
import { getAll } from "wasi:config/store@0.2.0-rc.1";

/** Thrown, it is what the operator is told: the hook has failed. */
export class HookError extends Error {}

/**
 * The export `run` around a function of one event. A HookError that it throws is told
 * as it stands, anything else with its name.
 */
export function hook(body) {
  return (event) => {
    // The bindings take what has 32 bits for a number with a sign.
    for (const call of [event, ...(event.outcome?.hooks ?? [])]) call.attempt >>>= 0;
    try {
      body(event);
    } catch (error) {
      // What is thrown here is the hook's error, and has to be a string.
      if (error instanceof HookError) throw error.message;
      throw error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    }
  };
}

/** What an imported function has failed with, as its interface says it. */
export const failure = (error) => error?.payload ?? error;

/** What the host says where it doesn't do what it is asked for. */
export class HostError extends HookError {
  constructor({ tag, val }) {
    super(val);
    /** Which case of the contract: `unknown`, `refused`, `not-granted`, ... */
    this.kind = tag;
  }
}

/** Asks the host for something; what it fails with becomes a HostError. */
export function asked(call) {
  try {
    return call();
  } catch (error) {
    const said = failure(error);
    throw said?.tag ? new HostError(said) : error;
  }
}

// Messages for the operator: `info("pinged", { status: 200 })`.

const log = (level) => (message, fields = {}) =>
  write(level, message, Object.entries(fields).map(([key, value]) => ({ key, value: String(value) })));

export const trace = log("trace");
export const debug = log("debug");
export const info = log("info");
export const warn = log("warn");
export const error = log("error");

/** Asks that this run be skipped: heard in `before` when the hook then returns. */
export const skip = (reason) => control.skip(reason);

/** Adds a warning to the run's report. */
export const addWarning = (message) => control.warn(message);

/** The event as JSON, as `hookward hook call --event` reads it. */
export function toJson(event) {
  const kebab = (name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const plain = (value) => {
    if (Array.isArray(value)) return value.map(plain);
    if (value === null || typeof value !== "object") return value ?? null;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [kebab(key), plain(inner)]));
  };
  return JSON.stringify(plain(event));
}

// Settings.

export class ConfigError extends HookError {
  constructor(key, message) {
    super(`config key \`${key}\`: ${message}`);
  }
}

const names = (keys) => keys.map((key) => `\`${key}\``).join(", ");

/**
 * The hook's `config` table, by a reader for each of its keys:
 * `config({ url: text(), timeout: duration(10) })`. A reader without a default wants
 * the key to be there; a key without a reader is an error.
 */
export function config(readers) {
  const known = Object.keys(readers);
  const entries = new Map(getAll().sort(([a], [b]) => (a < b ? -1 : 1)));
  for (const key of entries.keys()) {
    if (!known.includes(key)) {
      const says = known.length ? `, the known ones are ${names(known)}` : ": this hook takes no config";
      throw new HookError(`config key \`${key}\` is not known${says}`);
    }
  }
  return Object.fromEntries(known.map((key) => [key, readers[key](key, entries.get(key))]));
}

// The host keeps a string of the table as its text, and everything else as JSON.
const reader = (read, fallback) => (key, value) => {
  if (value !== undefined) return read(value, key);
  if (fallback === undefined) throw new HookError(`config key \`${key}\` is missing`);
  return fallback;
};

const wrong = (key, value, expected, kind = "type") =>
  new ConfigError(key, `invalid ${kind}: string ${JSON.stringify(value)}, expected ${expected}`);

const json = (expected, fits) => (fallback) =>
  reader((value, key) => {
    let parsed;
    try {
      parsed = JSON.parse(value);
    } catch {
      // A plain text.
    }
    if (!fits(parsed)) throw wrong(key, value, expected);
    return parsed;
  }, fallback);

const isText = (value) => typeof value === "string";
const isTable = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

export const text = (fallback) => reader((value) => value, fallback);
export const flag = json("a boolean", (value) => typeof value === "boolean");
/** A whole number from 0 on. */
export const number = json("u64", (value) => Number.isSafeInteger(value) && value >= 0);
/** A list of strings. */
export const texts = json("a sequence", (value) => Array.isArray(value) && value.every(isText));
/** A table of strings. */
export const table = json("a map", (value) => isTable(value) && Object.values(value).every(isText));

export const choice = (choices, fallback) =>
  reader((value, key) => {
    if (choices.includes(value)) return value;
    throw new ConfigError(key, `unknown variant \`${value}\`, expected one of ${names(choices)}`);
  }, fallback);

/** A time such as `90s` or `1h 30m`, in seconds. */
export const duration = (fallback) =>
  reader((value, key) => {
    const seconds = parseDuration(value);
    if (seconds === undefined) throw wrong(key, value, "a duration", "value");
    return seconds;
  }, fallback);

/** A size such as `1MiB` or `4096`, in bytes. */
export const size = (fallback) =>
  reader((value, key) => {
    const bytes = parseSize(value);
    if (bytes === undefined) throw wrong(key, value, "parsable string", "value");
    return bytes;
  }, fallback);

const UNITS = [
  [1e-9, "nanos nsec ns"],
  [1e-6, "usec us µs"],
  [1e-3, "millis msec ms"],
  [1, "seconds second secs sec s"],
  [60, "minutes minute min mins m"],
  [3600, "hours hour hr hrs h"],
  [86400, "days day d"],
  [604800, "weeks week wk wks w"],
  [2630016, "months month M"],
  [31557600, "years year yr yrs y"],
];
const SECONDS = new Map(UNITS.flatMap(([seconds, units]) => units.split(" ").map((unit) => [unit, seconds])));

/** Seconds, or undefined. */
export function parseDuration(value) {
  if (value === "0") return 0;
  if (!/^\s*(\d+(\.\d+)?\s*[a-zA-Zµ]+\s*)+$/.test(value)) return undefined;
  let sum = 0;
  for (const [, count, unit] of value.matchAll(/(\d+(?:\.\d+)?)\s*([a-zA-Zµ]+)/g)) {
    if (!SECONDS.has(unit)) return undefined;
    sum += Number(count) * SECONDS.get(unit);
  }
  return sum;
}

/** As people write it: `1day 1h 5m`. */
export function formatDuration(seconds) {
  let rest = Math.floor(seconds);
  const parts = [];
  for (const [length, unit] of [[31557600, "year"], [2630016, "month"], [86400, "day"]]) {
    const count = Math.floor(rest / length);
    rest %= length;
    if (count) parts.push(`${count}${unit}${count > 1 ? "s" : ""}`);
  }
  const millis = Math.round((seconds - Math.floor(seconds)) * 1000);
  const small = [[Math.floor(rest / 3600), "h"], [Math.floor(rest / 60) % 60, "m"], [rest % 60, "s"], [millis, "ms"]];
  for (const [count, unit] of small) {
    if (count) parts.push(`${count}${unit}`);
  }
  return parts.join(" ") || "0s";
}

const PREFIXES = "KMGTPE";

/** Bytes, or undefined. */
export function parseSize(value) {
  const match = /^(\d+(?:\.\d+)?)\s*(b|([kmgtpe])(i?)b?)?$/i.exec(value);
  if (!match || (match[1].includes(".") && !match[2])) return undefined;
  const power = match[3] ? PREFIXES.indexOf(match[3].toUpperCase()) + 1 : 0;
  return Math.floor(Number(match[1]) * (match[4] ? 1024 : 1000) ** power);
}

/** As people write it: `1.5 MiB`. */
export function formatSize(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  let power = 1;
  while (power < PREFIXES.length && bytes >= 1024 ** (power + 1)) power += 1;
  return `${(bytes / 1024 ** power).toFixed(1)} ${PREFIXES[power - 1]}iB`;
}
