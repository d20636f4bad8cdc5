# The user of the official image, with its ids, and none of the folders of a system service.
userdel redis
groupadd --system --gid 999 redis
useradd --system --gid redis --uid 999 --no-create-home --home-dir /nonexistent \
    --shell /usr/sbin/nologin redis
rm -rf /etc/redis /etc/default/redis-server /etc/init.d/redis-server /etc/logrotate.d/redis-server \
    /var/lib/redis /var/log/redis
mkdir /data
chown redis:redis /data
