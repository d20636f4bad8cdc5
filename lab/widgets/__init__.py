"""Pictures of what the engine does, and a few helpers, for notebooks; each is usable alone.

BuildCache          what builds took from the cache, what they did anew, and why
Cgroups             what containers use of memory, CPU and processes, against their limits
GlassEngine         what a command becomes: HTTP calls, then system calls
Layers              images as stacks of layers, and what containers write
Lifecycle           the states of containers, and the arrows that they take
Namespaces          who is in which namespace, and processes from inside and outside
NetworkMap          networks, the containers in them, and the ports that lead to them
OwnDocker           the loop of build, push and run, on the lab and on your own Docker Engine
Predict             a prediction, chosen before a command is run
Progress            the way through the course, and what was wrong, asked again
Quiz                the questions at the end of a lesson
Registry            what is on the lab's Hub or another registry, and what of it is here
open_port           a link that opens a published port in the browser
read_port           what a web server answers at a published port
VmOrContainer       process, container and virtual machine: what was measured, and six points
Volumes             where data lives, and which containers use it
type_in_terminal    a command in a real terminal, with what is typed into it; CTRL_C and DETACH are keys
"""

from __future__ import annotations

from lab.widgets.build_cache import BuildCache
from lab.widgets.cgroups import Cgroups
from lab.widgets.glass import GlassEngine
from lab.widgets.layers import Layers
from lab.widgets.lifecycle import Lifecycle
from lab.widgets.namespaces import Namespaces
from lab.widgets.networks import NetworkMap
from lab.widgets.own_docker import OwnDocker
from lab.widgets.ports import open_port, read_port
from lab.widgets.predict import Predict
from lab.widgets.progress import Progress
from lab.widgets.quiz import Quiz
from lab.widgets.registry import Registry
from lab.widgets.terminal import CTRL_C, DETACH, type_in_terminal
from lab.widgets.vm_or_container import VmOrContainer
from lab.widgets.volumes import Volumes

__all__ = [
    "CTRL_C",
    "DETACH",
    "BuildCache",
    "Cgroups",
    "GlassEngine",
    "Layers",
    "Lifecycle",
    "Namespaces",
    "NetworkMap",
    "OwnDocker",
    "Predict",
    "Progress",
    "Quiz",
    "Registry",
    "VmOrContainer",
    "Volumes",
    "open_port",
    "read_port",
    "type_in_terminal",
]
