"""Writes the dashboards of quotes."""

from pathlib import Path

from deploy.dashboards import grafana, kibana

DEPLOY = Path(__file__).parents[1]
MADE = {DEPLOY / "grafana/dashboards/quotes.json": grafana.made, DEPLOY / "kibana/whosaid.ndjson": kibana.made}
"""By file, what makes it."""

if __name__ == "__main__":
    for file, make in MADE.items():
        file.write_text(make(), encoding="utf-8")
        print(f"{file.relative_to(DEPLOY.parent)}: {file.stat().st_size:,} bytes")
