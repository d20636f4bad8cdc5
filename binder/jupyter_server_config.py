# Read by every Jupyter server of the container image, whoever starts it.
from lab.jupyter.settings import configure

configure(get_config())  # noqa: F821 - traitlets provides it
