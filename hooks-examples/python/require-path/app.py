"""Keeps a backup from starting when a file or directory isn't there, or isn't as it
should be. Settings: those of hooks-examples/require-path."""

import os
import stat
import time
from dataclasses import dataclass
from pathlib import PurePosixPath

import hookward
from hookward import ConfigError, format_duration, format_size


@dataclass
class Settings:
    paths: list
    kind: str
    not_empty: bool
    sentinel: str | None
    newer_than: float | None
    min_size: int | None

    @classmethod
    def read(cls):
        config = hookward.config("path", "paths", "kind", "not-empty", "sentinel", "newer-than", "min-size")
        path = config.text("path", None)
        settings = cls(
            paths=([] if path is None else [path]) + config.texts("paths", []),
            kind=config.choice("kind", ("any", "file", "dir"), "any"),
            not_empty=config.flag("not-empty", False),
            sentinel=config.text("sentinel", None),
            newer_than=config.duration("newer-than", None),
            min_size=config.size("min-size", None),
        )
        settings.check()
        return settings

    def check(self):
        if not self.paths:
            raise ConfigError("path", "name a path here, or several in `paths`")
        for path in self.paths:
            if not path.startswith("/"):
                raise ConfigError("path", f"`{path}` has to be one absolute path; several stand in `paths`")
        if self.sentinel is not None:
            if self.kind == "file":
                raise ConfigError("sentinel", "only a directory can hold one, and `kind` is `file`")
            inside = PurePosixPath(self.sentinel)
            if inside.is_absolute() or not inside.parts or ".." in inside.parts:
                raise ConfigError("sentinel", "has to be a name or path below the directory")


class Wrong(Exception):
    """What is wrong with a path: completes a sentence that begins with it."""


def check(path, settings, now):
    try:
        found = os.stat(path)
    except FileNotFoundError:
        raise Wrong(
            "isn't there: is the disk plugged in and mounted, and does the hook's `dirs` grant show this path?"
        ) from None
    except PermissionError:
        raise Wrong(
            "may not be looked at: does the hook's `dirs` grant show it, and may the user of the backup read it?"
        ) from None
    except OSError as error:
        raise Wrong(f"can't be looked at: {error.strerror}") from None
    is_dir, is_file = stat.S_ISDIR(found.st_mode), stat.S_ISREG(found.st_mode)
    if settings.kind == "file" and not is_file:
        is_what = "is a directory" if is_dir else "is neither file nor directory"
        raise Wrong(f"{is_what}, and has to be a file")
    if settings.kind == "dir" and not is_dir:
        raise Wrong("is a file, and has to be a directory")
    if settings.sentinel is not None:
        check_sentinel(path, is_dir, settings.sentinel)
    if is_dir:
        check_directory(path, settings, now)
    else:
        check_file(found, settings, now)


def check_sentinel(path, is_dir, sentinel):
    if not is_dir:
        raise Wrong(f"is a file, and has to be a directory with {sentinel} in it")
    try:
        os.stat(os.path.join(path, sentinel))
    except FileNotFoundError:
        raise Wrong(
            f"is there without {sentinel} in it: either nothing is mounted there or it is another disk than expected"
        ) from None
    except OSError as error:
        raise Wrong(f"is there, but {sentinel} in it can't be looked at: {error.strerror}") from None


def check_file(found, settings, now):
    if settings.not_empty and found.st_size == 0:
        raise Wrong("is an empty file: look at what writes it")
    if settings.newer_than is not None:
        age = age_of(found, now)
        if age > settings.newer_than:
            raise Wrong(f"was last written {rounded(age)} ago, {too_old(settings.newer_than)}")
    check_size(found.st_size, settings)


def check_directory(path, settings, now):
    try:
        if settings.not_empty and not any(os.scandir(path)):
            raise Wrong("is an empty directory: is the disk mounted there?")
        if settings.newer_than is None and settings.min_size is None:
            return
        size, youngest = walk(path, settings, now)
    except OSError as error:
        raise Wrong(f"can't be read through: {error.filename}: {error.strerror}") from None
    if settings.newer_than is not None:
        if youngest is None:
            raise Wrong("holds no file at all: look at what should write there")
        age, file = youngest
        if age > settings.newer_than:
            newest = os.path.relpath(file, path)
            raise Wrong(f"holds nothing newer than {newest} of {rounded(age)} ago, {too_old(settings.newer_than)}")
    check_size(size, settings)


def walk(root, settings, now):
    """All bytes, and the youngest file with its age. Stops when that is enough."""
    size, youngest = 0, None
    directories = [root]
    while directories:
        with os.scandir(directories.pop()) as entries:
            for entry in entries:
                try:
                    found = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    # Gone while we looked.
                    continue
                if stat.S_ISDIR(found.st_mode):
                    directories.append(entry.path)
                    continue
                if not stat.S_ISREG(found.st_mode):
                    continue
                size += found.st_size
                age = age_of(found, now)
                if youngest is None or age < youngest[0]:
                    youngest = (age, entry.path)
                young = settings.newer_than is None or youngest[0] <= settings.newer_than
                if young and size >= (settings.min_size or 0):
                    return size, youngest
    return size, youngest


def check_size(size, settings):
    if settings.min_size is not None and size < settings.min_size:
        raise Wrong(f"holds {format_size(size)}, less than {format_size(settings.min_size)}: look at what writes it")


def age_of(found, now):
    """Time since the last write. A clock that was set back makes it 0."""
    return max(0, now - found.st_mtime)


def rounded(age):
    """To the minute once seconds don't matter."""
    seconds = int(age)
    return format_duration(seconds - seconds % (1 if seconds < 3600 else 60))


def too_old(limit):
    return f"longer than {format_duration(limit)}: look at what should write it"


def run(event):
    settings = Settings.read()
    now = time.time()
    wrong = []
    for path in settings.paths:
        try:
            check(path, settings, now)
            hookward.debug("as it should be", path=path)
        except Wrong as problem:
            wrong.append(f"{path} {problem}")
    if wrong:
        raise hookward.Error("; ".join(wrong))


WitWorld = hookward.hook(run)
