"""The gateway of backups: rclone, which takes them as S3 and writes them encrypted to a volume or a bucket.

What reaches the volume or the bucket is ciphertext with names in ciphertext; the keys are in the cluster and in the
stack's state.
"""

from typing import Any
from urllib.parse import urlsplit

from components import pod_security, workload
from components.memory import names
from components.settings.memory import BackupBucketSettings
from components.sizes import Size

BUCKET = "memory"

_HTTPS = 443

_TLS = "/etc/gateway/tls"
_KEYS = "/etc/gateway/keys"
_CREDENTIALS = "/etc/gateway/credentials"
_BUCKET = "/etc/gateway/bucket"

# Without a cache nothing is acknowledged that is not written.
_SERVE = "--vfs-cache-mode off --dir-cache-time 5s --log-level NOTICE"

# Else a bucket that is not there would be told by the database's log alone, and never by a deploy. The slash makes it a
# listing, whose refusal says why; it would begin with a HEAD, whose refusal has no words.
_LOOK = "rclone lsf --max-depth 1 --retries 1 --timeout 30s"


def size(storage: str) -> Size:
    """It holds an upload in memory until it is whole: 128 MB at most, of which two may run."""
    return Size(cpu="50m", cpu_limit="1", memory="128Mi", memory_limit="768Mi", storage=storage)


def hosts(prefix: str) -> list[str]:
    """Names in its certificate."""
    space = names.namespace(prefix)
    return [f"{names.GATEWAY}.{space}.svc", f"{names.GATEWAY}.{space}.svc.cluster.local"]


def url(prefix: str) -> str:
    """Where the database sends its backups."""
    return f"https://{hosts(prefix)[0]}:{names.GATEWAY_PORT}"


def script() -> str:
    """Reads the keys from files, since a pod's environment is shown to whoever may look at the pod."""
    return f"""set -eu
obscured() {{ rclone obscure - < {_KEYS}/$1; }}
key() {{ cat {_CREDENTIALS}/$1; }}
export RCLONE_CONFIG_VAULT_PASSWORD=$(obscured password)
export RCLONE_CONFIG_VAULT_PASSWORD2=$(obscured salt)
export RCLONE_AUTH_KEY="\\"$(key access-key-id),$(key secret-access-key)\\""
if [ -d {_BUCKET} ]; then
  refused() {{ echo "the bucket ${{RCLONE_CONFIG_VAULT_REMOTE#store:}} at $RCLONE_CONFIG_STORE_ENDPOINT: $1"; exit 1; }}
  for one in access-key-id secret-access-key; do
    [ -s {_BUCKET}/$one ] || refused "its Secret has no $one"
  done
  export RCLONE_CONFIG_STORE_ACCESS_KEY_ID=$(cat {_BUCKET}/access-key-id)
  export RCLONE_CONFIG_STORE_SECRET_ACCESS_KEY=$(cat {_BUCKET}/secret-access-key)
  if [ -s {_BUCKET}/ca.crt ]; then export RCLONE_CA_CERT={_BUCKET}/ca.crt; fi
  told=$({_LOOK} "$RCLONE_CONFIG_VAULT_REMOTE/" 2>&1 >/dev/null) || case "$told" in
    *"directory not found"*) refused "there is none of this name" ;;
    *) refused "${{told##*last error was: }}" ;;
  esac
fi
rclone mkdir vault:{BUCKET}
exec rclone serve s3 vault: --addr :{names.GATEWAY_PORT} --cert {_TLS}/tls.crt --key {_TLS}/tls.key {_SERVE}
"""


def environment(bucket: BackupBucketSettings | None) -> dict[str, str]:
    """The configuration of rclone, without what is secret."""
    crypt = {
        "RCLONE_CONFIG": "",
        "RCLONE_CONFIG_VAULT_TYPE": "crypt",
        "RCLONE_CONFIG_VAULT_FILENAME_ENCRYPTION": "standard",
    }
    if bucket is None:
        return {**crypt, "RCLONE_CONFIG_VAULT_REMOTE": "/data"}
    folder = "/".join(part for part in (bucket.bucket, bucket.prefix.strip("/")) if part)
    return {
        **crypt,
        "RCLONE_CONFIG_VAULT_REMOTE": f"store:{folder}",
        "RCLONE_CONFIG_STORE_TYPE": "s3",
        "RCLONE_CONFIG_STORE_PROVIDER": "Other",
        "RCLONE_CONFIG_STORE_ENDPOINT": bucket.endpoint,
        "RCLONE_CONFIG_STORE_REGION": bucket.region,
        # The bucket is there; a key that may write to it need not be one that may make buckets.
        "RCLONE_CONFIG_STORE_NO_CHECK_BUCKET": "true",
        # An upload is held in memory while it is tried again: the database does that too, and keeps what it sends.
        "RCLONE_CONTIMEOUT": "15s",
        "RCLONE_LOW_LEVEL_RETRIES": "3",
        # The time that S3 lists; the one that rclone keeps would be one request more for each file in a listing.
        "RCLONE_USE_SERVER_MODTIME": "true",
    }


def network_policy(prefix: str, bucket: BackupBucketSettings | None) -> dict[str, Any]:
    """In: the database. Out: the bucket, where there is one, at its endpoint's port."""
    database = {"podSelector": {"matchLabels": names.database_pods(prefix)}}
    return {
        "podSelector": {"matchLabels": names.pod_labels(prefix, "backups")},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [database], "ports": workload.tcp(names.GATEWAY_PORT)}],
        "egress": [] if bucket is None else [workload.anywhere(_port(bucket))],
    }


def _port(bucket: BackupBucketSettings) -> int:
    port = urlsplit(bucket.endpoint).port
    return _HTTPS if port is None else port


def stateful_set(
    *,
    prefix: str,
    image: str,
    account: str,
    priority: str,
    storage: str,
    storage_class: str | None,
    bucket: BackupBucketSettings | None,
    stamp: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """One pod, with the volume where there is no bucket.

    Args:
        prefix: the stack's.
        image: rclone.
        account: service account.
        priority: name of the priority class.
        storage: size of the volume, a quantity.
        storage_class: of the volume; None for the cluster's default.
        bucket: outside the cluster; None writes to the volume.
        stamp: changes with certificate, which is read at the start alone.
    """
    chosen = names.pod_labels(prefix, "backups")
    probe = {"tcpSocket": {"port": "s3"}, "timeoutSeconds": 5}
    secrets = {"tls": (_TLS, f"{names.GATEWAY}-tls"), "keys": (_KEYS, f"{names.GATEWAY}-keys")}
    secrets["credentials"] = (_CREDENTIALS, f"{names.GATEWAY}-credentials")
    if bucket is not None:
        secrets["bucket"] = (_BUCKET, bucket.credentials_secret)
    container = {
        "name": "rclone",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", script()],
        "env": [{"name": name, "value": value} for name, value in sorted(environment(bucket).items())],
        "ports": [{"name": "s3", "containerPort": names.GATEWAY_PORT, "protocol": "TCP"}],
        "startupProbe": {**probe, "periodSeconds": 1, "failureThreshold": 120},
        "readinessProbe": {**probe, "periodSeconds": 10},
        "livenessProbe": {**probe, "periodSeconds": 20},
        # Shows in the pod's status why it ended.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": size(storage).resources(),
        "securityContext": pod_security.CONTAINER,
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
            *({"name": one, "mountPath": path, "readOnly": True} for one, (path, _) in secrets.items()),
            *([] if bucket is not None else [{"name": workload.DATA, "mountPath": "/data"}]),
        ],
    }
    return {
        "replicas": 1,
        "podManagementPolicy": "Parallel",
        "serviceName": names.GATEWAY,
        "selector": {"matchLabels": chosen},
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        "template": {
            "metadata": {
                "labels": names.object_labels(prefix, "backups"),
                "annotations": {"echorator.dev/certificate": stamp},
            },
            "spec": {
                **pod_security.POD_SPEC,
                "serviceAccountName": account,
                "priorityClassName": priority,
                "terminationGracePeriodSeconds": 30,
                "containers": [container],
                "volumes": [
                    workload.temporary_volume("256Mi"),
                    *(
                        {"name": one, "secret": {"secretName": secret, "defaultMode": 0o440}}
                        for one, (_, secret) in secrets.items()
                    ),
                ],
            },
        },
        "volumeClaimTemplates": [] if bucket is not None else [workload.claim_template(storage, storage_class)],
    }
