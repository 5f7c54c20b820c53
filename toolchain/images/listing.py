"""The images that the local node needs, each named as its upstream names it."""

from __future__ import annotations

from components.versions import (
    ADDON_IMAGES,
    CLUSTER_IMAGES,
    ECHO_PACKAGES,
    IMAGES,
    MEMORY_IMAGES,
    MONITORING_IMAGES,
    RUNTIME_PACKAGES,
)
from toolchain.images.spec import Binary, Debs, ImageSpec

_PATH = ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
_CERTIFICATES = ("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
_DEBIAN_DOCS = (
    "usr/share/doc/*/changelog*",
    "usr/share/doc/*/NEWS*",
    "usr/share/doc/*/README*",
    "usr/share/doc/*/examples/*",
    "usr/share/man/*",
    "usr/share/info/*",
    "usr/share/locale/*",
    "usr/share/lintian/*",
    "usr/share/bug/*",
    "usr/share/binfmts/*",
    "usr/share/gcc/*",
    "usr/share/gdb/*",
    # Character set tables of iconv: none of our programs converts by it.
    "usr/lib/*/gconv/*",
)

# Descriptions of Amazon's other services, by the hundred: barman asks S3 and STS alone.
_BOTOCORE_UNUSED = tuple(
    f"usr/lib/python3/dist-packages/botocore/data/{name}/*" for name in ("[a-r]*", "s[!3t]*", "[t-z]*")
)

# Only the packages' own install scripts need these: no pod of ours ever installs.
_INSTALLERS = (
    "adduser", "debconf", "dpkg", "gcc-12-base", "init-system-helpers", "libacl1", "libattr1", "libaudit-common",
    "libaudit1", "libcap-ng0", "libdb5.3", "libfile-find-rule-perl", "libgdbm-compat4", "libgdbm6", "libmd0",
    "libnumber-compare-perl", "libpam-modules", "libpam-modules-bin", "libpam0g", "libpcre2-8-0", "libperl5.36",
    "libselinux1", "libsemanage-common", "libsemanage2", "libsepol2", "libtext-glob-perl", "lsb-base", "media-types",
    "openssl", "passwd", "perl", "perl-base", "perl-modules-5.36", "readline-common", "rsync", "sysvinit-utils", "tar",
    "usrmerge",
)  # fmt: skip

# Python modules that the services never import, and the libraries that only
# those need: fewer libraries are fewer advisories to follow.
_PYTHON_UNUSED = (
    "usr/lib/python3.11/lib-dynload/nis.*",
    "usr/lib/python3.11/lib-dynload/_dbm.*",
    "usr/lib/python3.11/lib-dynload/_curses*",
    "usr/lib/python3.11/lib-dynload/readline.*",
    "usr/lib/python3.11/lib2to3/*",
    "usr/lib/python3.11/pydoc_data/*",
    "usr/lib/python3.11/ensurepip/*",
    "usr/lib/python3.11/test/*",
    "usr/lib/python3.11/curses/*",
    "usr/lib/python3.11/dbm/*",
    "usr/share/applications/*",
    "usr/share/pixmaps/*",
)
_PYTHON_DROPPED = (
    # Only the packages' own install scripts need these.
    "debconf",
    "dpkg",
    "tar",
    "libacl1",
    "libmd0",
    "libpcre2-8-0",
    "libselinux1",
    "libzstd1",
    # Only the modules of _PYTHON_UNUSED need these.
    "libcom-err2",
    "libdb5.3",
    "libgssapi-krb5-2",
    "libk5crypto3",
    "libkeyutils1",
    "libkrb5-3",
    "libkrb5support0",
    "libncursesw6",
    "libnsl2",
    "libreadline8",
    "libtinfo6",
    "libtirpc-common",
    "libtirpc3",
    "readline-common",
)


def images() -> tuple[ImageSpec, ...]:
    """Every image of the local node, in the order in which its start needs them."""
    pinned = {**IMAGES, **CLUSTER_IMAGES}
    return (
        ImageSpec(
            name=pinned["pause"].repository,
            tag=pinned["pause"].tag,
            licence="Apache-2.0",
            binaries=(Binary("pause", "/pause"),),
            entrypoint=("/pause",),
            user="65535:65535",
        ),
        ImageSpec(
            name=pinned["busybox"].repository,
            tag=pinned["busybox"].tag,
            licence="GPL-2.0-only",
            debs=Debs(alone=("busybox-static",), without=_DEBIAN_DOCS),
            busybox_links=True,
            command=("sh",),
            env=(_PATH,),
        ),
        ImageSpec(
            name=pinned["coredns"].repository,
            tag=pinned["coredns"].tag,
            licence="Apache-2.0",
            debs=Debs(alone=("ca-certificates",), without=_DEBIAN_DOCS),
            binaries=(Binary("coredns", "/coredns"),),
            entrypoint=("/coredns",),
            user="65532:65532",
            env=(_CERTIFICATES,),
        ),
        ImageSpec(
            name=pinned["local-path-provisioner"].repository,
            tag=pinned["local-path-provisioner"].tag,
            licence="Apache-2.0",
            debs=Debs(alone=("ca-certificates",), without=_DEBIAN_DOCS),
            binaries=(Binary("local-path-provisioner", "/usr/bin/local-path-provisioner"),),
            entrypoint=("local-path-provisioner",),
            env=(_PATH, _CERTIFICATES),
        ),
        ImageSpec(
            name=pinned["ollama"].repository,
            tag=pinned["ollama"].tag,
            licence="MIT",
            debs=Debs(closed=("libstdc++6",), alone=("ca-certificates",), without=_DEBIAN_DOCS),
            binaries=(Binary("ollama", "/usr/bin/ollama"),),
            entrypoint=("/bin/ollama",),
            command=("serve",),
            user="1001:1001",
            env=(_PATH, _CERTIFICATES, ("OLLAMA_HOST", "0.0.0.0:11434")),
        ),
        _ours("runtime", ("runtime",), RUNTIME_PACKAGES, command="model_store"),
        # NumPy and greenlet are C++: without its library the memory cannot be imported.
        _ours("echo", ("runtime", "echo"), ECHO_PACKAGES, command="echo", view=True, libraries=("libstdc++6",)),
    )


def _ours(
    name: str,
    groups: tuple[str, ...],
    packages: tuple[str, ...],
    *,
    command: str,
    view: bool = False,
    libraries: tuple[str, ...] = (),
) -> ImageSpec:
    """An image of our own services: Python, locked wheels, our packages; `command` is the module that it runs."""
    return ImageSpec(
        name=IMAGES[name].repository,
        tag=IMAGES[name].tag,
        licence="Apache-2.0",
        debs=Debs(
            closed=("libpython3.11-stdlib", "python3.11-minimal", *libraries),
            alone=("ca-certificates",),
            dropped=_PYTHON_DROPPED,
            without=_DEBIAN_DOCS + _PYTHON_UNUSED,
        ),
        groups=groups,
        packages=packages,
        view=view,
        entrypoint=("/usr/bin/python3.11", "-m"),
        command=(command,),
        user="1001:1001",
        env=(
            _PATH,
            _CERTIFICATES,
            ("PYTHONPATH", "/app:/app/site-packages"),
            ("PYTHONDONTWRITEBYTECODE", "1"),
            ("PYTHONUNBUFFERED", "1"),
            # Without Debian's locales there is only "C", whose ASCII breaks the first non-ASCII log line.
            ("PYTHONUTF8", "1"),
        ),
        workdir="/app",
    )


def memory_images() -> tuple[ImageSpec, ...]:
    """What the memory store runs: operator, database, Redis, and the gateway of backups."""
    pinned = MEMORY_IMAGES
    return (
        ImageSpec(
            name=pinned["operator"].repository,
            tag=pinned["operator"].tag,
            licence="Apache-2.0",
            debs=Debs(alone=("ca-certificates",), without=_DEBIAN_DOCS),
            # It copies itself into the database's pods: one file for each architecture, and the one that runs.
            binaries=(
                Binary("cloudnative-pg", "/operator/manager_amd64"),
                Binary("cloudnative-pg", "/manager"),
            ),
            entrypoint=("/manager",),
            user="65532:65532",
            env=(_PATH, _CERTIFICATES),
        ),
        ImageSpec(
            name=pinned["postgres"].repository,
            tag=pinned["postgres"].tag,
            licence="PostgreSQL",
            debs=Debs(
                closed=(
                    "barman-cli-cloud",
                    "libgssapi-krb5-2",
                    "liblz4-1",
                    "libreadline8",
                    "libssl3",
                    "libxml2",
                    "libzstd1",
                ),
                # The shell: PostgreSQL runs initdb, archiving and restoring through it.
                alone=("ca-certificates", "coreutils", "dash", "tzdata"),
                dropped=_INSTALLERS,
                without=_DEBIAN_DOCS + _BOTOCORE_UNUSED,
            ),
            postgres="usr/lib/postgresql/18",
            accounts=(("postgres", 26),),
            user="26:26",
            env=(
                ("PATH", "/usr/lib/postgresql/18/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
                _CERTIFICATES,
                ("PYTHONDONTWRITEBYTECODE", "1"),
            ),
        ),
        ImageSpec(
            name=pinned["redis"].repository,
            tag=pinned["redis"].tag,
            licence="BSD-3-Clause",
            debs=Debs(closed=("redis-server",), alone=("busybox-static",), dropped=_INSTALLERS, without=_DEBIAN_DOCS),
            busybox_links=True,
            command=("redis-server",),
            user="999:999",
            env=(_PATH,),
        ),
        ImageSpec(
            name=pinned["rclone"].repository,
            tag=pinned["rclone"].tag,
            licence="MIT",
            debs=Debs(alone=("ca-certificates", "busybox-static"), without=_DEBIAN_DOCS),
            busybox_links=True,
            binaries=(Binary("rclone", "/usr/local/bin/rclone"),),
            entrypoint=("rclone",),
            env=(_PATH, _CERTIFICATES),
        ),
    )


def monitoring_images() -> tuple[ImageSpec, ...]:
    """What a monitoring stack on the local node runs, all of it from source."""
    return tuple(
        ImageSpec(
            name=MONITORING_IMAGES[name].repository,
            tag=MONITORING_IMAGES[name].tag,
            licence="Apache-2.0",
            # Alertmanager looks up the zones of quiet hours.
            debs=Debs(
                alone=("ca-certificates", "tzdata") if name == "alertmanager" else ("ca-certificates",),
                without=_DEBIAN_DOCS,
            ),
            binaries=(Binary(name, f"/bin/{program}"),),
            entrypoint=(f"/bin/{program}",),
            user="65534:65534",
            env=(_CERTIFICATES,),
        )
        for name, program in (
            ("prometheus-operator", "operator"),
            ("prometheus-config-reloader", "prometheus-config-reloader"),
            ("prometheus", "prometheus"),
            ("alertmanager", "alertmanager"),
            ("node-exporter", "node_exporter"),
            ("blackbox-exporter", "blackbox_exporter"),
            ("kube-state-metrics", "kube-state-metrics"),
        )
    )


def traces_images() -> tuple[ImageSpec, ...]:
    """What takes and keeps traces and logs on the local node, from source."""
    return tuple(
        ImageSpec(
            name=ADDON_IMAGES[name].repository,
            tag=ADDON_IMAGES[name].tag,
            licence="Apache-2.0",
            debs=Debs(alone=("ca-certificates",), without=_DEBIAN_DOCS),
            binaries=(Binary(name, f"/bin/{name}"),),
            entrypoint=(f"/bin/{name}",),
            user="10001:10001",
            env=(_CERTIFICATES,),
        )
        for name in ("collector", "jaeger")
    )
