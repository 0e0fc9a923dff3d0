"""Makes the dashboards of quotes for Grafana and Kibana: `make dashboards` writes them anew."""
