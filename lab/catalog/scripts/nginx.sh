# The user of the official image, with its ids; Debian's nginx would run as www-data.
groupadd --system --gid 101 nginx
useradd --system --gid nginx --uid 101 --no-create-home --home-dir /nonexistent \
    --comment "nginx user" --shell /bin/false nginx

# The official image has its sites in conf.d, and its pages in /usr/share/nginx/html.
rm -rf /etc/nginx/sites-available /etc/nginx/sites-enabled /var/www
