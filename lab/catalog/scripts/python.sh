# In an image, pip is the one that installs: the mark is for systems whose packages share its folder.
# Source: PEP 668, "Single-application container images".
rm -f /usr/lib/python3.11/EXTERNALLY-MANAGED /usr/lib/python3*/EXTERNALLY-MANAGED
# where Dockerfiles written for the official image look for what pip has installed
for folder in /usr/local/lib/python3.*; do
    ln -s dist-packages "$folder/site-packages"
done
