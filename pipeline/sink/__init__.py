"""The sink: enriched articles in, Elasticsearch documents out."""
