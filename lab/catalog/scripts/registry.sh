# The official image calls its program `registry`, and runs it as root.
userdel docker-registry
rm -rf /etc/default/docker-registry /etc/init.d/docker-registry /etc/logrotate.d/docker-registry \
    /var/lib/docker-registry /var/log/docker-registry
ln -s docker-registry /usr/bin/registry
mkdir -p /var/lib/registry
