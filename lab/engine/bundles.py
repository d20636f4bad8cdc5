"""From a container's record to a bundle that the runtime can start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lab.engine import commands, sharing
from lab.engine.container_mounts import in_order, runtime_mounts
from lab.engine.containers import Container
from lab.engine.etc_files import EtcFiles
from lab.engine.filters import SeccompFilters
from lab.engine.links import Links
from lab.engine.sharing import Shares
from lab.engine.volumes import Volumes
from lab.kernel.idmap import IdMap
from lab.oci.runtime_spec import Mount, Process
from lab.runtime.bundle import BundlePlan, write_bundle
from lab.runtime.shared import mounts_of
from lab.snapshot.base import Snapshotter


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a start needs besides the bundle's folder: see lab.runtime.task.TaskRequest."""

    base: Path
    rootfs: Sequence[Mount]
    seccomp: str


class Bundles:
    """Writes bundles."""

    def __init__(
        self,
        snapshots: Snapshotter,
        filters: SeccompFilters,
        ids: IdMap,
        cgroups: Sequence[str],
        volumes: Volumes,
        files: EtcFiles,
        links: Links,
    ) -> None:
        """`cgroups` names the hierarchies that a container is shown."""
        self._snapshots = snapshots
        self._filters = filters
        self._ids = ids
        self._cgroups = cgroups
        self._volumes = volumes
        self._files = files
        self._links = links

    def prepare(self, container: Container, shares: Shares) -> Bundle:
        """Write a container's bundle for one run, and return what else its start needs."""
        record, settings = container.record, container.settings
        config = record.config
        donor = shares.donor("network")
        if donor:
            # as with Docker: it is the same machine in the network
            for key in ("Hostname", "Domainname"):
                config[key] = donor.record.config[key]
        seccomp = self._filters.key(settings.capabilities, settings.security.seccomp)
        plan = BundlePlan(
            hostname=config["Hostname"],
            domainname=config["Domainname"],
            hosts=[*self._files.hosts(container), *self._links.hosts(container)],
            resolv_conf=self._files.resolv_conf(container),
            mounts=in_order((*runtime_mounts(record.mounts, self._volumes), *settings.tmpfs)),
            readonly=settings.readonly,
            masked_paths=settings.masked_paths,
            readonly_paths=settings.readonly_paths,
            seccomp=seccomp,
            cgroups=self._cgroups,
            owner=self._ids.to_sandbox(0),
            shm_bytes=0 if record.host["IpcMode"] == sharing.NONE else settings.shm_bytes,
            joined=(*shares.of_donors, *shares.of_host),
            shared=mounts_of(shares.of_host, shares.brought),
            files=donor.folder if donor else None,
            sysctls=settings.security.sysctls,
            init=settings.init,
        )
        process = process_of(container)
        told = (*process.env, *self._links.environment(container))
        write_bundle(container.folder, replace(process, env=told), plan)
        rootfs = self._snapshots.mounts(container.id)
        return Bundle(self._snapshots.base, rootfs, seccomp)


def process_of(container: Container) -> Process:
    """Return the first process of a container."""
    record, settings = container.record, container.settings
    config = record.config
    rows, columns = record.host["ConsoleSize"] or (0, 0)
    return Process(
        args=(record.path, *record.args),
        env=commands.environment(config),
        cwd=config["WorkingDir"] or "/",
        user=config["User"],
        additional_groups=settings.groups,
        terminal=config["Tty"],
        console_size=(rows, columns),
        capabilities=settings.capabilities,
        no_new_privileges=settings.security.no_new_privileges,
        rlimits=settings.rlimits,
        oom_score_adj=settings.oom_score_adj,
    )
