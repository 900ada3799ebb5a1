"""Keeps a backup from starting that lacks a tag."""

import hookward


def run(event):
    tag = hookward.config("required-tag").text("required-tag")
    if tag not in event.tags:
        raise hookward.Error(f"this backup has no tag `{tag}`")
    hookward.info("the tag is there", tag=tag)


WitWorld = hookward.hook(run)
