"""The Linux kernel's interface, thin: one function per system call, named as in its man page."""
