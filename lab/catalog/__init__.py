"""Official images that need no internet, made at set-up from the distribution's packages.

release     which Debian this machine is, and for which processor
apt         the packages are downloaded once, with the host's apt, and kept
deb         one package file: control fields, dependencies, files
resolver    which packages an image needs, in the order of installation
tree        a file system as records: from archives, to archives, what changed
elf         the smallest program, for `hello-world`
recipes     what each image consists of; `steps` makes the parts
engine      runs the packages' own scripts in a container, over the Docker API
layout      writes the OCI image layout
stamp       is the catalog there, and is it today's?
images      build_catalog: all of it, in order
"""
