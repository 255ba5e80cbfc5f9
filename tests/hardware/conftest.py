from __future__ import annotations

from handmade_hardware import two_timesteps

__all__ = ["two_timesteps"]
