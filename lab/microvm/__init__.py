"""Makes what the microVM consists of, at set-up: kernel, initramfs, disks, QEMU.

`build.prepare` makes all of it; lab.sandbox.vm.parts knows the names.
"""
