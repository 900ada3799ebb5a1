// Keeps a backup from starting when a file or directory isn't there, or isn't as it
// should be. Settings: those of hooks-examples/require-path.

import {
  choice,
  config,
  ConfigError,
  debug,
  duration,
  flag,
  formatDuration,
  formatSize,
  hook,
  HookError,
  size,
  text,
  texts,
} from "./hookward/index.js";
import { FileError, lstat, readDir, stat } from "./hookward/fs.js";

function settings() {
  const read = config({
    path: text(null),
    paths: texts([]),
    kind: choice(["any", "file", "dir"], "any"),
    "not-empty": flag(false),
    sentinel: text(null),
    "newer-than": duration(null),
    "min-size": size(null),
  });
  const { kind, sentinel } = read;
  const paths = [read.path ?? [], read.paths].flat();
  if (paths.length === 0) throw new ConfigError("path", "name a path here, or several in `paths`");
  for (const path of paths) {
    if (!path.startsWith("/")) {
      throw new ConfigError("path", `\`${path}\` has to be one absolute path; several stand in \`paths\``);
    }
  }
  if (sentinel !== null) {
    if (kind === "file") {
      throw new ConfigError("sentinel", "only a directory can hold one, and `kind` is `file`");
    }
    const parts = sentinel.split("/").filter((part) => part && part !== ".");
    if (sentinel.startsWith("/") || parts.length === 0 || parts.includes("..")) {
      throw new ConfigError("sentinel", "has to be a name or path below the directory");
    }
  }
  return { paths, kind, sentinel, notEmpty: read["not-empty"], newerThan: read["newer-than"], minSize: read["min-size"] };
}

/** What is wrong with a path: completes a sentence that begins with it. */
class Wrong extends Error {}

function check(path, settings, now) {
  const found = look(path);
  if (settings.kind === "file" && !found.isFile) {
    const what = found.isDirectory ? "is a directory" : "is neither file nor directory";
    throw new Wrong(`${what}, and has to be a file`);
  }
  if (settings.kind === "dir" && !found.isDirectory) throw new Wrong("is a file, and has to be a directory");
  if (settings.sentinel !== null) checkSentinel(path, found, settings.sentinel);
  if (found.isDirectory) checkDirectory(path, settings, now);
  else checkFile(found, settings, now);
}

function look(path) {
  try {
    return stat(path);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    if (error.code === "no-entry") {
      throw new Wrong(
        "isn't there: is the disk plugged in and mounted, and does the hook's `dirs` grant show this path?",
      );
    }
    if (error.code === "access" || error.code === "not-permitted") {
      throw new Wrong(
        "may not be looked at: does the hook's `dirs` grant show it, and may the user of the backup read it?",
      );
    }
    throw new Wrong(`can't be looked at: ${error.code}`);
  }
}

function checkSentinel(path, found, sentinel) {
  if (!found.isDirectory) throw new Wrong(`is a file, and has to be a directory with ${sentinel} in it`);
  try {
    stat(`${path}/${sentinel}`);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    if (error.code !== "no-entry") throw new Wrong(`is there, but ${sentinel} in it can't be looked at: ${error.code}`);
    throw new Wrong(
      `is there without ${sentinel} in it: either nothing is mounted there or it is another disk than expected`,
    );
  }
}

function checkFile(found, { notEmpty, newerThan, minSize }, now) {
  if (notEmpty && found.size === 0) throw new Wrong("is an empty file: look at what writes it");
  if (newerThan !== null) {
    const age = ageOf(found, now);
    if (age > newerThan) throw new Wrong(`was last written ${rounded(age)} ago, ${tooOld(newerThan)}`);
  }
  checkSize(found.size, minSize);
}

function checkDirectory(path, { notEmpty, newerThan, minSize }, now) {
  try {
    if (notEmpty && readDir(path).next().done) {
      throw new Wrong("is an empty directory: is the disk mounted there?");
    }
    if (newerThan === null && minSize === null) return;
    const { bytes, youngest } = walk(path, { newerThan, minSize }, now);
    if (newerThan !== null) {
      if (!youngest) throw new Wrong("holds no file at all: look at what should write there");
      if (youngest.age > newerThan) {
        const newest = youngest.file.slice(path.length).replace(/^\/+/, "");
        throw new Wrong(`holds nothing newer than ${newest} of ${rounded(youngest.age)} ago, ${tooOld(newerThan)}`);
      }
    }
    checkSize(bytes, minSize);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    throw new Wrong(`can't be read through: ${error.path}: ${error.code}`);
  }
}

/** All bytes, and the youngest file with its age. Stops when that is enough. */
function walk(root, { newerThan, minSize }, now) {
  let bytes = 0;
  let youngest = null;
  const directories = [root];
  while (directories.length > 0) {
    const directory = directories.pop();
    for (const name of readDir(directory)) {
      const path = `${directory.replace(/\/$/, "")}/${name}`;
      let found;
      try {
        found = lstat(path);
      } catch (error) {
        // Gone while we looked.
        if (error instanceof FileError && error.code === "no-entry") continue;
        throw error;
      }
      if (found.isDirectory) directories.push(path);
      if (!found.isFile) continue;
      bytes += found.size;
      const age = ageOf(found, now);
      if (!youngest || age < youngest.age) youngest = { age, file: path };
      if (bytes >= (minSize ?? 0) && (newerThan === null || youngest.age <= newerThan)) return { bytes, youngest };
    }
  }
  return { bytes, youngest };
}

function checkSize(bytes, least) {
  if (least !== null && bytes < least) {
    throw new Wrong(`holds ${formatSize(bytes)}, less than ${formatSize(least)}: look at what writes it`);
  }
}

/** Time since the last write. A clock that was set back makes it 0. */
const ageOf = (found, now) => Math.max(0, now - found.modified);

/** To the minute once seconds don't matter. */
function rounded(age) {
  const seconds = Math.floor(age);
  return formatDuration(seconds - (seconds % (seconds < 3600 ? 1 : 60)));
}

const tooOld = (limit) => `longer than ${formatDuration(limit)}: look at what should write it`;

export const run = hook(() => {
  const read = settings();
  const now = Date.now() / 1000;
  const wrong = [];
  for (const path of read.paths) {
    try {
      check(path, read, now);
      debug("as it should be", { path });
    } catch (problem) {
      if (!(problem instanceof Wrong)) throw problem;
      wrong.push(`${path} ${problem.message}`);
    }
  }
  if (wrong.length > 0) throw new HookError(wrong.join("; "));
});
