#!/bin/sh
# Installs Debian packages into the file system that it runs in, as root of a container without
# network, and then removes what only this run knows, so that two runs give the same image.
#
# /.build (left out of the image)
#   *.deb       the packages
#   order       calls of dpkg, one a line: `unpack FILE...` or `configure NAME...`
#   after.sh    what else this image needs (may be absent)
# SOURCE_DATE_EPOCH is the image's date in seconds since 1970.
set -eu
cd /.build

while read -r call names; do
    dpkg --force-confold "--$call" $names </dev/null
done <order
dpkg --force-confold --configure --pending
problems=$(dpkg --audit)
if [ -n "$problems" ]; then
    echo "$problems"
    exit 1
fi
if [ -e after.sh ]; then
    sh -eu after.sh
fi

# logs, caches, copies, keys and ids
find /var/log -type f -delete
rm -rf /var/cache/apt/* /var/cache/ldconfig/* /var/lib/apt/lists/* /tmp/* /var/tmp/*
rm -f /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/lib/dpkg/lock* /var/lib/dpkg/triggers/Lock
rm -f /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/.pwd.lock /etc/subuid- /etc/subgid-
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub
if [ -e /etc/machine-id ]; then
    : > /etc/machine-id
fi
# the day of the last change of a password
sed -i -E "s/^([^:]*:[^:]*:)[0-9]+:/\1$((SOURCE_DATE_EPOCH / 86400)):/" /etc/shadow
