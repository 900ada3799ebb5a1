// Files below the directories that the operator granted. The world needs
// `import wasi:filesystem/preopens@0.2.0`, the operator the grant `dirs`.

import { getDirectories } from "wasi:filesystem/preopens@0.2.0";
import { failure } from "./index.js";

/** `code` is that of WASI: `no-entry`, `access`, `not-directory`, ... */
export class FileError extends Error {
  constructor(path, code) {
    super(`${path}: ${code}`);
    this.path = path;
    this.code = code;
  }
}

const FOLLOW = { symlinkFollow: true };
const NO_FOLLOW = { symlinkFollow: false };
const FLAGS = {
  read: true,
  write: false,
  fileIntegritySync: false,
  dataIntegritySync: false,
  requestedWriteSync: false,
  mutateDirectory: false,
};
const OPEN = { create: false, directory: false, exclusive: false, truncate: false };

/** The granted directory that holds a path, and the path in it. */
function find(path) {
  let best;
  for (const [directory, name] of getDirectories()) {
    const prefix = name.endsWith("/") ? name : `${name}/`;
    const holds = path === name || path.startsWith(prefix);
    if (holds && (!best || name.length > best.name.length)) {
      best = { directory, name, rest: path.slice(prefix.length) || "." };
    }
  }
  // The same as where nothing is: what isn't granted isn't there.
  if (!best) throw new FileError(path, "no-entry");
  return best;
}

function at(path, use) {
  const { directory, rest } = find(path);
  try {
    return use(directory, rest);
  } catch (error) {
    const code = failure(error);
    throw typeof code === "string" ? new FileError(path, code) : error;
  }
}

const described = (stat) => ({
  type: stat.type,
  isDirectory: stat.type === "directory",
  isFile: stat.type === "regular-file",
  size: stat.size,
  /** In seconds since 1970. */
  modified: stat.dataModificationTimestamp
    ? stat.dataModificationTimestamp.seconds + stat.dataModificationTimestamp.nanoseconds / 1e9
    : null,
});

/** What stands at a path; behind a link, what it leads to. */
export const stat = (path) => at(path, (directory, rest) => described(directory.statAt(FOLLOW, rest)));

/** What stands at a path, be it a link. */
export const lstat = (path) => at(path, (directory, rest) => described(directory.statAt(NO_FOLLOW, rest)));

/** The names in a directory, one after the other. */
export function* readDir(path) {
  const opened = at(path, (directory, rest) => directory.openAt(FOLLOW, rest, { ...OPEN, directory: true }, FLAGS));
  const entries = at(path, () => opened.readDirectory());
  try {
    for (;;) {
      const entry = at(path, () => entries.readDirectoryEntry());
      if (!entry) return;
      yield entry.name;
    }
  } finally {
    entries[Symbol.dispose]();
    opened[Symbol.dispose]();
  }
}

/** All bytes of a file. */
export function readFile(path) {
  const file = at(path, (directory, rest) => directory.openAt(FOLLOW, rest, OPEN, FLAGS));
  const bytes = [];
  for (let ended = false, offset = 0; !ended; ) {
    const [chunk, end] = at(path, () => file.read(64 * 1024, offset));
    for (const byte of chunk) bytes.push(byte);
    offset += chunk.length;
    ended = end || chunk.length === 0;
  }
  file[Symbol.dispose]();
  return new Uint8Array(bytes);
}
