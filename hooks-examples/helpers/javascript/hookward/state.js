// What this hook has kept in this profile, from run to run. It is kept when the hook returns,
// and not when it fails. The world needs `import wasi:keyvalue/store@0.2.0-draft`, the
// operator the grant `state`.
//
//   state.set("runs", state.get("runs", 0) + 1);

import { open } from "wasi:keyvalue/store@0.2.0-draft";
import { failure, HookError } from "./index.js";
import { decode, encode } from "./utf8.js";

/** Why state can't be read or kept. */
export class StateError extends HookError {}

function use(act) {
  let bucket;
  try {
    bucket = open("");
    return act(bucket);
  } catch (error) {
    const said = failure(error);
    if (said?.tag === "other") throw new StateError(`state: ${said.val}`);
    if (said?.tag) throw new StateError("the host doesn't let this hook keep state: grant it `state`");
    throw error;
  } finally {
    bucket?.[Symbol.dispose]();
  }
}

/** A value as it is kept; undefined where there is none. */
export const getBytes = (key) => use((bucket) => bucket.get(key)) ?? undefined;

export const setBytes = (key, value) => use((bucket) => bucket.set(key, value));

/** A value of JSON; the fallback where there is none. */
export function get(key, fallback) {
  const bytes = getBytes(key);
  if (bytes === undefined) return fallback;
  try {
    return JSON.parse(decode(bytes));
  } catch (error) {
    throw new StateError(`state \`${key}\`: ${error.message}`);
  }
}

export function set(key, value) {
  const text = JSON.stringify(value);
  if (text === undefined) throw new StateError(`state \`${key}\`: this can't be JSON`);
  setBytes(key, encode(text));
}

/** Forgets a value. It need not be there. */
export const remove = (key) => use((bucket) => bucket.delete(key));

export const has = (key) => use((bucket) => bucket.exists(key));

/** The keys of all values, sorted. */
export function keys() {
  return use((bucket) => {
    const found = [];
    let cursor;
    do {
      const page = bucket.listKeys(cursor);
      found.push(...page.keys);
      cursor = page.cursor ?? undefined;
    } while (cursor !== undefined);
    return found.sort();
  });
}
