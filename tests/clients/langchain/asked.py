"""Where LangChain's standard tests ask, and what holds for a chat model of any of its clients.

`tests/clients/langchains.py` runs them in a child process and says where in the environment.
Nothing of the standard tests is changed. Those of pictures are left out: they fetch theirs from
the network (pictures are tried with each provider's own client).
"""

import os

from langchain_tests.integration_tests import ChatModelIntegrationTests

URL = os.environ["LANGCHAIN_URL"]
KEY = os.environ["LANGCHAIN_KEY"]
MODEL = os.environ["LANGCHAIN_MODEL"]


class Chat(ChatModelIntegrationTests):
    """A model that can do all that is asked for."""

    @property
    def supports_json_mode(self) -> bool:
        """It answers in JSON when told to."""
        return True

    @property
    def supports_model_override(self) -> bool:
        """A single request may name another model."""
        return True

    @property
    def model_override_value(self) -> str:
        """That other model is the same here."""
        return MODEL
