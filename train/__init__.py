"""From labelled pictures to a bundle: `monitor train`."""

import os

# TensorFlow tells at every start which instructions it could use: no news to whoever waits for an error or a table.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
