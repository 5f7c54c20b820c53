"""How models come: from registries to the store, from the store to the replicas, onto volumes."""

from components.monitoring.dashboards.builder import Board, Panel, Query, Row, line

BOARD = Board(
    "pulls",
    "Echorator: pulls and store",
    (
        Row(
            "Replicas",
            (
                line(
                    "Bytes a second",
                    "sum by (pod, model) (rate(replica_model_pulled_bytes_total[$__rate_interval]))",
                    "{{pod}} {{model}}",
                    "Bps",
                ),
                line(
                    "On the disk, of the whole",
                    "replica_model_completed_bytes / (replica_model_bytes > 0)",
                    "{{pod}} {{model}}",
                    "percentunit",
                ),
                line(
                    "Time to bring a model, 95 of 100",
                    "histogram_quantile(0.95, sum by (model, le) (rate(replica_model_bring_seconds_bucket[1h])))",
                    "{{model}}",
                    "s",
                ),
                line("Tries in a row that failed", "replica_model_failures", "{{pod}} {{model}} {{kind}}"),
                line(
                    "Tries",
                    "sum by (result) (rate(replica_model_tries_total[$__rate_interval]))",
                    "{{result}}",
                    "reqps",
                ),
                line(
                    "Room on the volumes",
                    "replica_volume_free_bytes / replica_volume_size_bytes",
                    "{{pod}}",
                    "percentunit",
                ),
            ),
        ),
        Row(
            "Store",
            (
                Panel(
                    "Bytes in and out",
                    (
                        Query(
                            "sum by (host) (rate(model_store_upstream_bytes_total[$__rate_interval]))", "from {{host}}"
                        ),
                        Query(
                            "sum by (kind) (rate(model_store_served_bytes_total[$__rate_interval]))", "{{kind}} served"
                        ),
                    ),
                    "Bps",
                ),
                line(
                    "Requests to registries",
                    "sum by (host, status) (rate(model_store_upstream_requests_total[$__rate_interval]))",
                    "{{host}} {{status}}",
                    "reqps",
                ),
                line("Downloads that run", "model_store_downloads_in_flight", "{{pod}}"),
                Panel(
                    "Volume",
                    (
                        Query("model_store_stored_bytes", "blobs"),
                        Query("model_store_partial_bytes", "unfinished"),
                        Query("model_store_disk_free_bytes", "free"),
                    ),
                    "bytes",
                ),
                line(
                    "Requests answered",
                    "sum by (status) (rate(model_store_requests_total[$__rate_interval]))",
                    "{{status}}",
                    "reqps",
                ),
                line("Blobs", "model_store_blobs_stored", "{{pod}}"),
            ),
        ),
    ),
)
