"""Paths that are made to look like those of other programs."""

from __future__ import annotations

from pathlib import Path

import pytest
from callgate.discovery.identify import Identifier
from callgate.discovery.programs import Place
from callgate.model.identity import Identified, Launch

DEEP = 40


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A checkout with a link to a folder far below: up again from there is the checkout, whose `bin/true` is evil."""
    deep = tmp_path.joinpath(*["d"] * DEEP)
    deep.mkdir(parents=True)
    (tmp_path / "link").symlink_to(deep)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "true").write_text("#!/bin/sh\necho evil\n")
    (tmp_path / "bin" / "true").chmod(0o755)
    return tmp_path


def identify(repository: Path, *argv: str, path: str = "/usr/bin:/bin") -> Identified:
    return Identifier((), str(repository)).identify(Launch(argv, str(repository), path))


def test_a_way_up_behind_a_link_is_never_taken_for_what_it_looks_like(repository: Path) -> None:
    disguised = "link/" + "../" * DEEP + "bin/true"
    assert (repository / disguised).read_text().endswith("evil\n")
    genuine = {identify(repository, "/bin/true").server, identify(repository, "sh", "/bin/true").server}
    launches = [
        identify(repository, f"./{disguised}"),
        identify(repository, f"{repository}/{disguised}"),
        identify(repository, "true", path=f"{repository}/link/{'../' * DEEP}bin"),
        identify(repository, "python3", disguised),
    ]
    assert not {one.server for one in launches} & genuine
    assert all("could not be identified" in one.evidence for one in launches)


def test_a_way_up_behind_plain_folders_is_followed(repository: Path) -> None:
    (repository / "plain").mkdir()
    place = Place(str(repository), "", str(repository))
    assert place.absolute("plain/../bin/true") == f"{repository}/bin/true"
    assert place.absolute("nowhere/../bin/true") == f"{repository}/bin/true"


@pytest.mark.parametrize(("where", "genuine"), [("code/project/tools", False), (".nvm/bin", True), ("tools", True)])
def test_a_program_in_a_checkout_is_not_what_its_name_says_wherever_it_is_started(
    tmp_path: Path, where: str, genuine: bool
) -> None:
    for checkout in (tmp_path / "code" / "project", tmp_path / ".nvm"):
        (checkout / ".git").mkdir(parents=True)
    npx = tmp_path / where / "npx"
    npx.parent.mkdir(exist_ok=True)
    npx.write_text("#!/bin/sh\n")
    npx.chmod(0o755)
    launch = Launch(("npx", "-y", "good"), "/", f"{npx.parent}:/usr/bin:/bin")
    assert (str(Identifier((), str(tmp_path)).identify(launch).server) == "npm:good") == genuine
