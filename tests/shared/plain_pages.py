"""The page of prices, with something behind every text that people write."""

from __future__ import annotations

import numpy as np

from codesign.reporting.pricing import Density, PricingPage, VariedPrice, render_pricing


def prices_page(more: str = "", *, points: int = 400, on_front: int = 6) -> str:
    """As many points of two recipes, scattered over two decades of latency and one of energy, and some on the front."""
    draws, clouds = np.random.default_rng(0), []
    for recipe in ("layered", "random"):
        cloud = Density(recipe + more)
        cloud.add(10 ** draws.uniform(-5, -3, points), 10 ** draws.uniform(-8, -7, points))
        clouds.append(cloud)
    axis = VariedPrice(path=f"times.message{more}", group=f"clock{more}", shown=(1e-9, 2e-9), unit="s")
    words = VariedPrice(path=f"vector_width{more}", group="", shown=("4", f"all{more}"), unit="")
    fixed = VariedPrice(path=f"structure.memory{more}", group="", shown=("sram",), unit="")
    front = [
        {
            "point": number,
            "recipe": clouds[number % 2].recipe,
            "accuracy": 0.9,
            "energy_j": 1e-8 * (1 + number),
            "latency_s": 1e-3 / (1 + number),
            axis.path: axis.shown[number % 2],
            words.path: words.shown[number % 2],
            fixed.path: "sram",
        }
        for number in range(on_front)
    ]
    return render_pricing(
        PricingPage(
            **dict.fromkeys(("title", "description", "sweep", "chip", "schedule"), f"a name{more}"),
            synchronization="asynchronous",
            operation="real_time",
            size=2 * points,
            objectives=(("energy_j", "minimize"), ("latency_s", "minimize")),
            energy="energy_j",
            axes=(axis, words, fixed),
            models=((f"layered{more}", 0, 0.91), (f"random{more}", 0, 0.89)),
            clouds=tuple(clouds),
            front=tuple(front),
            not_modelled=(f"a hop{more}",),
            assumptions=(f"its place{more}",),
        )
    )
