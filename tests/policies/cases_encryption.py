"""Volumes, traffic and secrets that are right and wrong."""

from __future__ import annotations

from typing import Any

from tests.policies.cases_base import Cases, cnpg, config_map, ingress, listener, mesh, output, service, single
from tests.policies.objects import GONE, Object, changed, deployment, named


def storage(driver: str, **parameters: Any) -> Object:
    return named("storage.k8s.io/v1", "StorageClass", {"provisioner": driver, "parameters": parameters}, namespace=None)


def claim(cls: str | None, **more: Any) -> Object:
    spec = {"accessModes": ["ReadWriteOnce"], **more}
    return named("v1", "PersistentVolumeClaim", {"spec": spec if cls is None else {**spec, "storageClassName": cls}})


_LUKS = {"linodebs.csi.linode.com/luks-encrypted": "true"}
_HETZNER = {"csi.storage.k8s.io/node-publish-secret-name": "key"}
_CLASSES = [
    storage("ebs.csi.aws.com", encrypted="true"),
    # Names of this driver's parameters are read in any case.
    storage("ebs.csi.aws.com", Encrypted="true"),
    storage("pd.csi.storage.gke.io", type="pd-ssd"),
    storage("disk.csi.azure.com"),
    storage("rbd.csi.ceph.com", encrypted="true", encryptionKMSID="vault"),
    storage("driver.longhorn.io", encrypted="true"),
    storage("pxd.portworx.com", secure="true"),
    storage("linodebs.csi.linode.com", **_LUKS),
    storage("csi.hetzner.cloud", **_HETZNER),
    storage("diskplugin.csi.alibabacloud.com", encrypted="true"),
    storage("efs.csi.aws.com"),
]
_BAD_CLASSES = [
    storage("ebs.csi.aws.com", type="gp3"),
    storage("ebs.csi.aws.com", encrypted="false"),
    named("storage.k8s.io/v1", "StorageClass", {"provisioner": "ebs.csi.aws.com"}, namespace=None),
    storage("rbd.csi.ceph.com"),
    storage("driver.longhorn.io", numberOfReplicas="3"),
    storage("pxd.portworx.com", repl="3"),
    storage("linodebs.csi.linode.com"),
    storage("csi.hetzner.cloud"),
    storage("diskplugin.csi.alibabacloud.com"),
    storage("efs.csi.aws.com", encryptInTransit="false"),
    storage("rancher.io/local-path"),
    named("storage.k8s.io/v1beta1", "StorageClass", {"provisioner": "ebs.csi.aws.com"}, namespace=None),
]
_STEPS = {f"csi.storage.k8s.io/{step}-secret-name": "key" for step in ("provisioner", "node-publish", "node-stage")}


def scraped(kind: str = "PodMonitor", **endpoint: Any) -> Object:
    key = "podMetricsEndpoints" if kind == "PodMonitor" else "endpoints"
    return named("monitoring.coreos.com/v1", kind, {"spec": {key: [{"port": "metrics", **endpoint}]}})


_TRUSTED = {"ca": {"configMap": {"name": "authority", "key": "ca.crt"}}, "serverName": "metrics.models.svc"}

ENCRYPTION: dict[str, Cases] = {
    "encryption-storage-class": single(_CLASSES, _BAD_CLASSES),
    "encryption-storage-class-secrets": single(
        [storage("driver.longhorn.io", encrypted="true", **_STEPS), storage("driver.longhorn.io")],
        [storage("driver.longhorn.io", encrypted="true")],
    ),
    "encryption-customer-key": single(
        [
            storage("pd.csi.storage.gke.io", **{"disk-encryption-kms-key": "k"}),
            storage("ebs.csi.aws.com", kmskeyid="k"),
        ],
        [storage("pd.csi.storage.gke.io"), storage("disk.csi.azure.com", skuName="x")],
    ),
    "encryption-default-class": single(
        [
            claim("encrypted"),
            claim("", volumeName="by-hand"),
            cnpg(storage={"size": "1Gi", "storageClass": "encrypted"}),
        ],
        [
            claim(None),
            claim(""),
            cnpg(storage={"size": "1Gi"}),
            cnpg(storage={"storageClass": "encrypted"}, walStorage={"size": "1Gi"}),
            named(
                "monitoring.coreos.com/v1", "Prometheus", {"spec": {"storage": {"volumeClaimTemplate": {"spec": {}}}}}
            ),
        ],
    ),
    "encryption-volume-class": Cases(
        [
            [claim("outside")],
            [claim("it"), storage("ebs.csi.aws.com", encrypted="true")],
        ],
        [
            [claim("unheard-of")],
            [claim("it"), storage("ebs.csi.aws.com")],
            [
                deployment(
                    {
                        "spec/volumes/1": {
                            "name": "v",
                            "ephemeral": {"volumeClaimTemplate": {"spec": {"storageClassName": "x"}}},
                        }
                    }
                )
            ],
        ],
        {"encryptedClasses": ["outside"]},
    ),
    "encryption-backup": single(
        [
            cnpg(instances=3),
            cnpg(backup={"barmanObjectStore": {"data": {"encryption": "AES256"}, "wal": {"encryption": "aws:kms"}}}),
        ],
        [
            cnpg(backup={"barmanObjectStore": {"destinationPath": "s3://b", "data": {"encryption": "AES256"}}}),
            named("barmancloud.cnpg.io/v1", "ObjectStore", {"spec": {"configuration": {"destinationPath": "s3://b"}}}),
        ],
    ),
    "encryption-backup-location": single(
        [
            named(
                "velero.io/v1",
                "BackupStorageLocation",
                {"spec": {"provider": "aws", "config": {"kmsKeyId": "alias/x"}}},
            ),
            named("velero.io/v1", "BackupStorageLocation", {"spec": {"provider": "velero.io/gcp"}}),
        ],
        [named("velero.io/v1", "BackupStorageLocation", {"spec": {"provider": "aws", "config": {"region": "x"}}})],
    ),
    "encryption-ingress-tls": single(
        [
            ingress(["a.example.com"], [{"hosts": ["a.example.com"], "secretName": "t"}]),
            ingress(["a.example.com", "b.example.com"], [{"hosts": ["*.example.com"]}]),
        ],
        [
            ingress(["a.example.com"]),
            ingress(["a.example.com"], []),
            ingress(["a.example.com", "b.example.com"], [{"hosts": ["a.example.com"]}]),
            {**ingress(["a.example.com"]), "apiVersion": "extensions/v1beta1"},
            # A wildcard holds for one label only.
            ingress(["a.b.example.com"], [{"hosts": ["*.example.com"]}]),
        ],
    ),
    "encryption-scrape-tls": single(
        [
            scraped(scheme="https", tlsConfig=_TRUSTED),
            scraped("ServiceMonitor", scheme="HTTPS", tlsConfig={"caFile": "/ca.crt"}),
        ],
        [
            scraped(),
            scraped(scheme="http"),
            scraped(scheme="https"),
            scraped(scheme="https", tlsConfig={**_TRUSTED, "insecureSkipVerify": True}),
            scraped("ServiceMonitor", port="web"),
        ],
    ),
    "encryption-ingress-plain-http": single(
        [ingress(["a"], [{"hosts": ["a"]}], **{"nginx.ingress.kubernetes.io/ssl-redirect": "true"})],
        [ingress(["a"], [{"hosts": ["a"]}], **{"kubernetes.io/ingress.allow-http": "true"})],
    ),
    "encryption-gateway-listener": single(
        [
            listener(protocol="HTTPS", port=443, tls={"certificateRefs": [{"name": "c"}]}),
            listener(protocol="TLS", port=443, tls={"mode": "Passthrough"}),
            listener(protocol="HTTP", port=80, name="http-redirect"),
        ],
        [listener(protocol="HTTP", port=80), listener(protocol="HTTPS", port=443, tls={"certificateRefs": []})],
    ),
    "encryption-istio-tls": single(
        [mesh("PeerAuthentication", {"mtls": {"mode": "STRICT"}}, "security.istio.io")],
        [
            mesh("PeerAuthentication", {"mtls": {"mode": "PERMISSIVE"}}, "security.istio.io"),
            mesh("DestinationRule", {"trafficPolicy": {"tls": {"mode": "DISABLE"}}}, "networking.istio.io"),
        ],
    ),
    "encryption-load-balancer-tls": single(
        [
            service("LoadBalancer"),
            service("ClusterIP", 80),
            changed(
                service("LoadBalancer", 80),
                {("metadata", "annotations"): {"service.beta.kubernetes.io/aws-load-balancer-ssl-cert": "arn"}},
            ),
        ],
        [service("LoadBalancer", 80), service("LoadBalancer", 11434)],
    ),
    "encryption-database-plain-clients": single(
        [cnpg(postgresql={"pg_hba": ["hostssl all all all cert", "host all all all reject"]})],
        [
            cnpg(postgresql={"pg_hba": ["host all all 10.0.0.0/8 md5"]}),
            cnpg(postgresql={"parameters": {"ssl": "off"}}),
        ],
    ),
    "encryption-tls-version": single(
        [config_map(**{"ssl-protocols": "TLSv1.2 TLSv1.3"}), listener(tls={"minVersion": "1.3"})],
        [
            config_map(**{"ssl-protocols": "TLSv1 TLSv1.1 TLSv1.2"}),
            mesh("Gateway", {"servers": [{"tls": {"minProtocolVersion": "TLSV1_0"}}]}, "networking.istio.io"),
            ingress(["a"], GONE, **{"nginx.ingress.kubernetes.io/ssl-protocols": "TLSv1.1"}),
        ],
    ),
    "encryption-plain-http": single(
        [config_map(a="mirror: http://mirror.local-registry.svc.cluster.local:5000")],
        [config_map(a='{"upstream": "http://registry.example.com"}')],
    ),
    "encryption-database-tls": single(
        [config_map(dsn="postgresql://db/app?sslmode=verify-full")], [config_map(dsn="host=db sslmode=require")]
    ),
    "encryption-secret-in-config-map": single(
        [
            config_map(config='{"passwordFile": "/run/db", "maxTokens": "7"}', **{"token-ttl": "5m"}),
            config_map(password="${DB_PASSWORD}"),
        ],
        [
            config_map(password="hunter2hunter2"),
            config_map(config='{"db": {"password": "hunter2hunter2"}}'),
            config_map(**{"tls.key": "-----BEGIN PRIVATE KEY-----\nMIIE"}),
            config_map(url="amqp://guest:guest@queue:5672"),
        ],
    ),
    "encryption-secret-in-metadata": single(
        [changed(config_map(), {("metadata", "annotations"): {"example.com/secret-name": "db"}})],
        [
            changed(config_map(), {("metadata", "annotations"): {"example.com/api-key": "0123456789abcdef"}}),
            changed(service(), {("metadata", "annotations"): {"note": "ghp_" + "a" * 36}}),
        ],
    ),
    "encryption-secret-in-custom-object": single(
        [named("example.com/v1", "Thing", {"spec": {"passwordSecretRef": {"name": "db"}}})],
        [named("example.com/v1", "Thing", {"spec": {"steps": [{"run": "curl https://me:hunter2@example.com/"}]}})],
    ),
    "encryption-secret-in-output": single(
        [output(endpoint="https://example.com", models={"token-count": "3"}, **{"memory-secret": "echo-memory"})],
        [output(dbPassword="hunter2hunter2"), output(x={"dsn": "postgres://u:hunter2@db/app"})],
    ),
}
