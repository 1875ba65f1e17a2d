"""The running application around the core."""

from __future__ import annotations

__version__ = "0.1.0"
"""The same as in `pyproject.toml`; a test holds them together."""
