"""Settings come from the environment, are typed, and say which variable is wrong."""

from pathlib import Path

import pytest

from pipeline.errors import SettingsError
from pipeline.settings import PREFIX, Settings, environment, load, variables


def test_without_variables_everything_has_its_default() -> None:
    settings = load({})
    assert settings == Settings()
    assert settings.bootstrap_servers == ["127.0.0.1:19092"]
    assert settings.elasticsearch_urls == ["http://127.0.0.1:19200"]


def test_a_variable_sets_its_field_with_its_type() -> None:
    settings = load({"WHOSAID_KAFKA__PARTITIONS": "7", "WHOSAID_ENRICHMENT__FAST": "false", "PATH": "/bin"})
    assert settings.kafka.partitions == 7
    assert settings.enrichment.fast is False


def test_addresses_of_a_cluster_replace_the_embedded_ones() -> None:
    settings = load(
        {"WHOSAID_KAFKA__BOOTSTRAP_SERVERS": "a:9092, b:9092", "WHOSAID_ELASTICSEARCH__URL": "https://es:9200"}
    )
    assert settings.bootstrap_servers == ["a:9092", "b:9092"]
    assert settings.elasticsearch_urls == ["https://es:9200"]


def test_an_unknown_variable_is_refused_by_name_with_the_nearest_one() -> None:
    with pytest.raises(SettingsError, match=r"WHOSAID_KAFKA__PARTITION is not .*WHOSAID_KAFKA__PARTITIONS"):
        load({"WHOSAID_KAFKA__PARTITION": "7"})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("WHOSAID_KAFKA__PARTITIONS", "many"),
        ("WHOSAID_KAFKA__PARTITIONS", "0"),
        ("WHOSAID_LOG_LEVEL", "loud"),
        ("WHOSAID_ELASTICSEARCH__PREFIX", "Capital"),
    ],
)
def test_a_bad_value_is_refused_with_the_name_of_its_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{variable} has a bad value"):
        load({variable: value})


def test_a_bad_secret_is_not_repeated_in_the_error() -> None:
    with pytest.raises(SettingsError) as caught:
        load({"WHOSAID_KAFKA__PASSWORD_FILE": "/no/such/file-hunter2"})
    assert "WHOSAID_KAFKA__PASSWORD_FILE" in str(caught.value)


def test_a_secret_may_come_from_a_file_and_is_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("hunter2\n")
    settings = load({"WHOSAID_KAFKA__PASSWORD_FILE": str(file)})
    assert settings.kafka.password is not None
    assert settings.kafka.password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(settings)


def test_a_value_and_its_file_at_once_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("hunter2")
    with pytest.raises(SettingsError, match="both set"):
        load({"WHOSAID_KAFKA__PASSWORD": "x", "WHOSAID_KAFKA__PASSWORD_FILE": str(file)})


def test_the_environment_of_settings_gives_the_same_settings_again() -> None:
    settings = load({"WHOSAID_KAFKA__PASSWORD": "x", "WHOSAID_SINK__BATCH_ARTICLES": "9", "WHOSAID_LOG_LEVEL": "debug"})
    assert load(environment(settings)) == settings


def test_every_setting_has_a_description_and_a_default() -> None:
    for variable, field in variables():
        assert variable.startswith(PREFIX)
        assert field.description, variable
        assert not field.is_required(), variable
