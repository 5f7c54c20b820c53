"""The images are those that the program and the cluster name, and each has a path of its own in the mirror."""

from __future__ import annotations

import pytest

from components.versions import ADDON_IMAGES, CLUSTER_IMAGES, IMAGES, MEMORY_IMAGES, MONITORING_IMAGES
from toolchain.images import ImageSpec, images, memory_images, monitoring_images, traces_images


def test_every_image_that_pods_name_is_built() -> None:
    named = {image.reference() for image in (*IMAGES.values(), *CLUSTER_IMAGES.values())}
    assert {spec.reference for spec in images()} == named
    assert {spec.reference for spec in memory_images()} == {image.reference() for image in MEMORY_IMAGES.values()}


def test_what_monitoring_runs_is_built() -> None:
    built = {spec.reference for spec in monitoring_images()}
    assert built == {image.reference() for image in MONITORING_IMAGES.values()}
    assert {spec.reference for spec in traces_images()} == {
        ADDON_IMAGES[name].reference() for name in ("collector", "jaeger")
    }


def test_no_two_images_share_a_path_in_the_mirror() -> None:
    paths = [spec.repository for spec in (*images(), *monitoring_images(), *memory_images(), *traces_images())]
    assert sorted(set(paths)) == sorted(paths)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("docker.io/ollama/ollama", "ollama/ollama"),
        ("docker.io/library/busybox", "library/busybox"),
        ("registry.k8s.io/pause", "pause"),
        ("localhost:5000/a/b", "a/b"),
        ("ollama/ollama", "ollama/ollama"),
        ("busybox", "busybox"),
    ],
)
def test_a_mirror_serves_a_name_without_its_host(name: str, path: str) -> None:
    assert ImageSpec(name=name, tag="1", licence="MIT").repository == path


def test_images_with_a_user_name_it_by_number() -> None:
    """A kubelet refuses runAsNonRoot for a user it knows only by name."""
    users = {spec.user for spec in (*images(), *monitoring_images(), *memory_images(), *traces_images()) if spec.user}
    assert users
    assert all(part.isdigit() for user in users for part in user.split(":"))
