#!/bin/sh
# Calls the component as Hookward would: `hookward hook build`, then `sh test.sh`.
set -eu

expect() { # WHAT, TEXT, ARGUMENTS...
    what=$1 text=$2
    shift 2
    told=$(hookward hook call dist/@name@.wasm --event before "$@" 2>&1) || :
    case $told in
    *"$text"*) echo "ok: $what" ;;
    *)
        printf 'failed: %s: no "%s" in\n%s\n' "$what" "$text" "$told"
        exit 1
        ;;
    esac
}

expect "a backup with the tag may start" "the tag is there" --set required-tag=nightly --tag nightly
# shellcheck disable=SC2016
expect "one without it may not" 'this backup has no tag `nightly`' --set required-tag=nightly
# shellcheck disable=SC2016
expect "the setting is needed" 'config key `required-tag` is missing'
