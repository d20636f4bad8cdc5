"""The sandbox of kind `vm`: the same engine as root in a small QEMU guest, with or without KVM."""
