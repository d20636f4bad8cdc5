"""What the glass engine says of the engine's processes and system calls, in each language."""

from __future__ import annotations

from lab.widgets.texts import Table

SYSCALLS: Table = {
    "en": {
        "process_daemon": "daemon",
        "process_daemon_about": "the engine's main process, which answers the API",
        "process_spawner": "spawner",
        "process_spawner_about": "the first process of the sandbox: it alone makes new processes",
        "process_setup": "setup",
        "process_setup_about": "a helper that prepares a container from outside, then is gone",
        "process_init": "init",
        "process_init_about": "the container's first process, before it becomes the program",
        "process_enter": "enter",
        "process_enter_about": "a helper that goes into a running container",
        "process_exec": "exec",
        "process_exec_about": "the added process, before it becomes the program",
        "sys_clone": "Makes a process. With CLONE_NEW… flags it begins in namespaces of its own: this "
        "is the moment at which a container comes into being.",
        "sys_unshare": "Leaves a namespace that was shared and gets one of its own: here for mounts, "
        "so that nothing that is mounted now is seen outside.",
        "sys_setns": "Goes into a namespace that exists already. `docker exec` works like this.",
        "sys_mount": "Mounts a file system, or changes how one is mounted.",
        "sys_mount_overlay": "The image's read-only layers and the container's writable layer, put "
        "on top of each other as one file system: overlayfs.",
        "sys_mount_proc": "A /proc of the container's own: it shows only the processes of its pid "
        "namespace.",
        "sys_mount_hide": "Covers or write-protects a part of /proc or /sys that tells of the whole "
        "machine or could change it.",
        "sys_umount2": "Takes a mounted file system away: here the old root, so that the container "
        "cannot see the host's files.",
        "sys_pivot_root": "Makes the container's file system the root: from now on `/` is the image.",
        "sys_open_tree": "Takes hold of something mounted, to attach it elsewhere: files of /dev, "
        "volumes, /etc/hosts.",
        "sys_move_mount": "Attaches what open_tree holds at its place in the container.",
        "sys_mount_setattr": "Changes a mount's attributes, such as read-only.",
        "sys_sethostname": "Sets the host name in the container's own uts namespace: its short id.",
        "sys_capset": "Keeps only the listed capabilities: root in a container may do less than "
        "root elsewhere.",
        "sys_execve": "Becomes the program: the same process, now with the image's own code. The "
        "container runs.",
        "sys_mkdir": "Makes a directory. In the cgroup file system that is a new control group.",
        "sys_rmdir": "Removes a directory. In the cgroup file system: the group is gone.",
        "sys_pidfd_send_signal": "Sends a signal to exactly this process, even if its number were "
        "used again.",
        "sys_sendto": "Talks to the kernel's network: makes a pair of virtual cables (veth), gives "
        "addresses, sets routes.",
        "sys_close_range": "Closes all files that the program must not inherit.",
        "sys_prctl_bounding": "Gives up a capability for good: no program in the container can get "
        "it back.",
        "sys_prctl_seccomp": "Loads the seccomp filter: from now on the kernel refuses dangerous "
        "system calls to this container.",
        "sys_prctl_no_new_privs": "No program can gain rights by being started, not even through "
        "setuid.",
        "sys_prctl_dumpable": "Says whether others may look into this process.",
        "sys_prctl_keepcaps": "Keeps capabilities while the user changes.",
        "sys_prctl_ambient": "Clears or sets capabilities that a started program inherits.",
        "sys_write_ids": "Maps user numbers: root in the container is an ordinary number outside.",
        "sys_write_join": "Puts the process into the control group: its use counts from now on.",
        "sys_write_limit": "Sets a limit of the control group: memory, CPU or processes.",
        "sys_write_freeze": "Freezes or thaws all processes of the control group.",
    },
    "ko": {
        "process_daemon": "daemon",
        "process_daemon_about": "API에 응답하는 엔진의 주 프로세스",
        "process_spawner": "spawner",
        "process_spawner_about": "샌드박스의 첫 프로세스. 새 프로세스는 이것만 만듭니다",
        "process_setup": "setup",
        "process_setup_about": "바깥에서 컨테이너를 준비하고 사라지는 도우미",
        "process_init": "init",
        "process_init_about": "프로그램으로 바뀌기 전의 컨테이너 첫 프로세스",
        "process_enter": "enter",
        "process_enter_about": "실행 중인 컨테이너 안으로 들어가는 도우미",
        "process_exec": "exec",
        "process_exec_about": "프로그램으로 바뀌기 전의 추가된 프로세스",
        "sys_clone": "프로세스를 만듭니다. CLONE_NEW… 플래그가 있으면 자기 네임스페이스에서 "
        "시작합니다. 컨테이너가 태어나는 순간입니다.",
        "sys_unshare": "함께 쓰던 네임스페이스에서 나와 자기 것을 받습니다. 여기서는 마운트용이며, "
        "이제부터 마운트하는 것은 바깥에서 보이지 않습니다.",
        "sys_setns": "이미 있는 네임스페이스로 들어갑니다. `docker exec`가 이렇게 동작합니다.",
        "sys_mount": "파일 시스템을 마운트하거나 마운트된 방식을 바꿉니다.",
        "sys_mount_overlay": "이미지의 읽기 전용 레이어와 컨테이너의 쓰기 가능 레이어를 겹쳐 하나의 "
        "파일 시스템으로 만듭니다. overlayfs입니다.",
        "sys_mount_proc": "컨테이너만의 /proc입니다. 자기 pid 네임스페이스의 프로세스만 보입니다.",
        "sys_mount_hide": "컴퓨터 전체를 보여 주거나 바꿀 수 있는 /proc, /sys의 일부를 가리거나 쓰지 "
        "못하게 합니다.",
        "sys_umount2": "마운트된 파일 시스템을 떼어 냅니다. 여기서는 옛 루트이며, 그래서 컨테이너가 "
        "호스트의 파일을 볼 수 없습니다.",
        "sys_pivot_root": "컨테이너의 파일 시스템을 루트로 만듭니다. 이제부터 `/`는 이미지입니다.",
        "sys_open_tree": "마운트된 것을 다른 곳에 붙이려고 잡아 둡니다. /dev의 파일, 볼륨, "
        "/etc/hosts 등입니다.",
        "sys_move_mount": "open_tree로 잡아 둔 것을 컨테이너 안의 제자리에 붙입니다.",
        "sys_mount_setattr": "읽기 전용 같은 마운트의 속성을 바꿉니다.",
        "sys_sethostname": "컨테이너의 uts 네임스페이스에 호스트 이름을 정합니다. 짧은 ID입니다.",
        "sys_capset": "정해진 권한(capability)만 남깁니다. 컨테이너의 root는 다른 곳의 root보다 할 수 "
        "있는 일이 적습니다.",
        "sys_execve": "프로그램으로 바뀝니다. 같은 프로세스가 이제 이미지의 코드를 실행합니다. "
        "컨테이너가 실행됩니다.",
        "sys_mkdir": "디렉터리를 만듭니다. cgroup 파일 시스템에서는 새 컨트롤 그룹이 됩니다.",
        "sys_rmdir": "디렉터리를 삭제합니다. cgroup 파일 시스템에서는 그룹이 사라집니다.",
        "sys_pidfd_send_signal": "번호가 다시 쓰이더라도 틀림없이 그 프로세스에 시그널을 보냅니다.",
        "sys_sendto": "커널의 네트워크와 통신합니다. 가상 케이블 한 쌍(veth)을 만들고 주소와 경로를 "
        "정합니다.",
        "sys_close_range": "프로그램이 물려받으면 안 되는 파일을 모두 닫습니다.",
        "sys_prctl_bounding": "권한(capability) 하나를 영영 포기합니다. 컨테이너의 어떤 프로그램도 "
        "되찾을 수 없습니다.",
        "sys_prctl_seccomp": "seccomp 필터를 올립니다. 이제부터 커널은 이 컨테이너의 위험한 시스템 "
        "호출을 거부합니다.",
        "sys_prctl_no_new_privs": "프로그램을 실행해도 권한이 늘지 않습니다. setuid도 소용없습니다.",
        "sys_prctl_dumpable": "다른 프로세스가 이 프로세스를 들여다볼 수 있는지를 정합니다.",
        "sys_prctl_keepcaps": "사용자가 바뀌는 동안 권한을 유지합니다.",
        "sys_prctl_ambient": "시작한 프로그램이 물려받을 권한을 비우거나 정합니다.",
        "sys_write_ids": "사용자 번호를 대응시킵니다. 컨테이너의 root는 바깥에서 보통 번호입니다.",
        "sys_write_join": "프로세스를 컨트롤 그룹에 넣습니다. 이제부터 사용량을 셉니다.",
        "sys_write_limit": "컨트롤 그룹의 제한을 정합니다. 메모리, CPU 또는 프로세스입니다.",
        "sys_write_freeze": "컨트롤 그룹의 모든 프로세스를 멈추거나 다시 움직입니다.",
    },
}
