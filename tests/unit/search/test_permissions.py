"""Who may change something: a token with the scope admin, from a page of the service's own or a program."""

import base64
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient

from pipeline import access_tokens as auth
from pipeline.access_tokens import Scope
from pipeline.errors import InputError, WhoSaidError
from pipeline.search import error_responses, forms, permissions
from pipeline.search.middleware import AccessRules, SecurityMiddleware
from pipeline.settings import SearchSettings

Form = dict[str, list[str]]


def client(tokens: Path | None = None) -> TestClient:
    app = FastAPI()

    @app.post("/change")
    @app.post("/api/v1/change")
    def change(
        who: Annotated[str, Depends(permissions.admin)], form: Annotated[Form, Depends(forms.read)]
    ) -> dict[str, object]:
        return {"who": who, "form": form}

    app.add_middleware(SecurityMiddleware, rules=AccessRules(SearchSettings(tokens_file=tokens)))
    app.add_exception_handler(WhoSaidError, error_responses.of)  # type: ignore[arg-type]
    return TestClient(app, base_url="http://localhost:8765")


@pytest.fixture
def tokens(tmp_path: Path) -> tuple[Path, str, str]:
    """A tokens file, a token in it that reads, and one of an administrator."""
    reader, first = auth.create("ann")
    admin, second = auth.create("bea", [Scope.ADMIN])
    path = tmp_path / "tokens"
    path.write_text(f"{first}\n{second}\n")
    return path, reader, admin


def basic(token: str) -> str:
    return "Basic " + base64.b64encode(f"x:{token}".encode()).decode()


def test_only_a_token_for_it_changes_anything(tokens: tuple[Path, str, str]) -> None:
    path, reader, admin = tokens
    service = client(path)
    done = service.post("/api/v1/change", content="name=a&name=b", headers={"Authorization": f"Bearer {admin}"})
    assert done.json() == {"who": "bea", "form": {"name": ["a", "b"]}}
    refused = service.post("/api/v1/change", headers={"Authorization": f"Bearer {reader}"})
    assert refused.status_code == 403
    assert refused.json()["detail"] == (
        "This token may not change anything; `whosaid token NAME --scope admin` makes one that may."
    )
    assert service.post("/api/v1/change").status_code == 401


def test_a_browser_is_asked_for_another_token(tokens: tuple[Path, str, str]) -> None:
    path, reader, admin = tokens
    service = client(path)
    refused = service.post("/change", headers={"Authorization": basic(reader)})
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    assert service.post("/change", headers={"Authorization": basic(admin)}).json()["who"] == "bea"


def test_whoever_uses_a_local_service_may_change_it() -> None:
    assert client().post("/change").json() == {"who": "local", "form": {}}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:8765"}, 200),
        ({"Origin": "http://localhost:8765"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:8765"}, 403),
        ({"Origin": "http://localhost:9000"}, 403),
        ({"Origin": "http://localhost:8765.evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[bad"}, 403),
    ],
)
def test_a_page_of_another_site_changes_nothing(headers: dict[str, str], status: int) -> None:
    assert client().post("/change", headers=headers).status_code == status


@pytest.mark.parametrize("body", ["a=" + "x" * forms.MAX_BODY, "&".join(["a=1"] * 101)])
def test_a_form_is_not_read_without_end(body: str) -> None:
    answer = client().post("/change", content=body)
    assert answer.status_code == InputError.http_status
    assert "A form has at most" in answer.text
