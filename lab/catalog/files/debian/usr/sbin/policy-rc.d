#!/bin/sh
# A container runs one program, not services: no package may start one when it is installed.
exit 101
