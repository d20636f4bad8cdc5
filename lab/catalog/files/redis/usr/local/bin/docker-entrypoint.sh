#!/bin/sh
# First process of the redis image: runs the server as the user redis, anything else as it is.
set -e

# `docker run redis --appendonly yes` and `docker run redis /my/redis.conf` mean the server
case "$1" in
    -* | *.conf) set -- redis-server "$@" ;;
esac

if [ "$1" = redis-server ]; then
    if [ "$(id -u)" = 0 ]; then
        # a bound folder or an old volume may belong to somebody else
        find . ! -user redis -exec chown redis {} +
        exec setpriv --reuid redis --regid redis --clear-groups -- "$0" "$@"
    fi
    # what the server writes is nobody else's to read
    if [ "$(umask)" = 0022 ]; then
        umask 0077
    fi
    # The official image's server is built to answer other machines without a password: a container
    # is reached only where its network or a published port lets somebody in.  Whoever says
    # otherwise, here or in a configuration file, is obeyed.
    named=$(printf '%s\n' "$@" | grep -c -- protected-mode) || true
    if [ -f "$2" ]; then
        named=$((named + $(grep -c '^[[:space:]]*protected-mode' "$2" || true)))
    fi
    if [ "$named" = 0 ]; then
        set -- "$@" --protected-mode no
    fi
fi

exec "$@"
