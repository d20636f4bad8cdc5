"""Which packages an image needs, out of those that apt downloaded, in the order of installation."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from lab.catalog.deb import Package
from lab.errors import NotFound


class PackageSet:
    """The downloaded packages, and what depends on what among them.

    apt chose them so that every dependency is met within the set.  So versions need no look here,
    and of several alternatives one that is in the set is meant.
    """

    def __init__(self, packages: Iterable[Package]) -> None:
        self._by_name = {package.name: package for package in packages}
        self._providers: dict[str, list[Package]] = {}
        for package in sorted(self._by_name.values(), key=lambda package: package.name):
            for name in package.provides:
                self._providers.setdefault(name, []).append(package)

    def __getitem__(self, name: str) -> Package:
        """Return the package of that name; NotFound if it was not downloaded."""
        try:
            return self._by_name[name]
        except KeyError:
            raise NotFound(f"package {name} is not among the downloaded ones") from None

    def required(self) -> list[str]:
        """The names of the packages that no Debian system is without."""
        return sorted(package.name for package in self._by_name.values() if package.is_required)

    def closure(self, names: Iterable[str], installed: Collection[str] = ()) -> list[Package]:
        """Return the packages, and all that they depend on, without those already installed.

        What a package depends on comes before it, as far as circles allow; what it needs even
        to be unpacked (Pre-Depends) comes first.  Raises NotFound for a missing package.
        """
        chosen: dict[str, Package | None] = dict.fromkeys(installed)
        ordered: list[Package] = []
        for name in names:
            self._visit(self[name], chosen, ordered)
        return ordered

    def _visit(
        self, package: Package, chosen: dict[str, Package | None], ordered: list[Package]
    ) -> None:
        if package.name in chosen:
            return
        chosen[package.name] = package
        for alternatives in (*package.pre_depends, *package.depends):
            self._visit(self._meant(package, alternatives, chosen), chosen, ordered)
        ordered.append(package)

    def _meant(
        self, package: Package, alternatives: tuple[str, ...], chosen: Mapping[str, Package | None]
    ) -> Package:
        candidates = [found for name in alternatives for found in self._named(name)]
        if not candidates:
            wanted = " | ".join(alternatives)
            raise NotFound(f"package {package.name} needs {wanted}, which was not downloaded")
        taken = (candidate for candidate in candidates if candidate.name in chosen)
        return next(taken, candidates[0])

    def _named(self, name: str) -> list[Package]:
        real = self._by_name.get(name)
        return [real] if real else self._providers.get(name, [])
