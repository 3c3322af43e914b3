"""The model that the server of these tests answers with."""

from tests.server.conftest import model_folder

__all__ = ["model_folder"]
